"""Three members of etcd and three nodes of rollcall, each a machine of its own, on which everything is broken that can be."""
