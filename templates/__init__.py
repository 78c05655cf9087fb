"""The variant library: loads and checks a workspace, compiles it to a release, renders messages from one.

`workspace.load` reads a folder, `compiler.compile_release` makes a release of it, `library.Library` renders with it,
`send_marks` opens and fills what was rendered. Nothing is imported here, so that a reader of `send_marks` alone
(the gateway) loads neither Jinja2 nor MJML.
"""
