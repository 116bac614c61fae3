print("acme-core==1.2.0")
