"""What browsers need of a collector: the script that pages load, and permission to send from other origins."""
