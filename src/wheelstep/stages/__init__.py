"""The stages of a release, each decide then do; release.py runs them in order."""
