"""A Ray cluster of two nodes on this machine, each with two pretended GPUs; dies with its standard input.

Prints the address when it is up. A line ``kill`` on standard input kills the second node, ``start`` starts it
again.
"""

import os
import sys

from ray.cluster_utils import Cluster

SMALL = {"object_store_memory": 78 << 20, "num_cpus": 2, "num_gpus": 2}


def add_node(cluster):
    return cluster.add_node(**SMALL, env_vars={**os.environ, "CUDA_VISIBLE_DEVICES": "2,3"})


def main():
    os.environ["CUDA_VISIBLE_DEVICES"] = "0,1"
    cluster = Cluster(initialize_head=True, head_node_args={**SMALL, "include_dashboard": False})
    second = add_node(cluster)
    cluster.wait_for_nodes()
    print(cluster.address, flush=True)
    for line in sys.stdin:
        if line.strip() == "kill":
            cluster.remove_node(second, allow_graceful=False)
        else:
            second = add_node(cluster)
            cluster.wait_for_nodes()
        print("done", flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main()
