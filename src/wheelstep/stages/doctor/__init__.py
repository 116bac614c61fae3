"""The parts of `wheelstep doctor`: each asks what a release relies on, and judges nothing twice."""
