"""Turns interface classes and their schemas into client proxies and server dispatchers."""
