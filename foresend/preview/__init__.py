"""Previews: what a made-up person, or a real one of a running gateway, would get; as one page without scripts."""
