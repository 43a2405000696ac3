"""The Cap'n Proto files that fix the wire, shipped as package data."""
