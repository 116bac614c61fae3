"""wheelstep: build private wheels, publish them, pin them in Azure ML environments."""

__version__ = "0.1.0"
