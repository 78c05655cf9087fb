"""Manifests of Kubernetes that follow from tables of the code, and the first secrets of an installation."""
