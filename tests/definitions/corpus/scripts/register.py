"""Registers the environment, as the article on private packages has it."""

from azureml.core import Environment, Workspace
from azureml.core.conda_dependencies import CondaDependencies

ws = Workspace.from_config()
env = Environment(name="acme-script")
cd = CondaDependencies()
cd.add_pip_package("acme-core==1.2.0")  # ours
cd.add_pip_package("azureml-defaults")
cd.set_pip_option("--extra-index-url https://pkgs.dev.azure.com/acme/_packaging/ml/pypi/simple/")
env.python.conda_dependencies = cd

VERSION = "1.2.0"
other = CondaDependencies.create(pip_packages=["acme-features[gpu]==0.9.1", "numpy"])
computed = CondaDependencies()
computed.add_pip_package(f"acme-core=={VERSION}")
env.register(workspace=ws)
print("acme-core==1.2.0 is only printed")
