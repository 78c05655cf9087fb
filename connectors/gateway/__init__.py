"""The gateway: answers reads of communications over HTTP, and draws for sends."""
