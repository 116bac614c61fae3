"""wheelstep: build private wheels, publish them, pin them in Azure Machine Learning environments."""

__version__ = "0.1.0"
