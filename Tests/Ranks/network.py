"""Hosts that are network namespaces on one bridge, as root on Linux."""

import os
import subprocess


def ip(*words):
    return subprocess.run(["ip", *words], capture_output=True, text=True)


class Missing(Exception):
    """Why there are no namespaces."""


class Network:
    """Namespaces of this process, each with an address on a bridge in one more."""

    def __init__(self, hosts):
        self.prefix = f"ptl{os.getpid()}"
        self.switch = f"{self.prefix}s"
        self.hosts = [f"{self.prefix}h{index}" for index in range(hosts)]
        self.addresses = [f"10.77.0.{10 + index}" for index in range(hosts)]

    def __enter__(self):
        made = [ip("netns", "add", name).returncode for name in [self.switch] + self.hosts]
        if any(made):
            self.__exit__()
            raise Missing("network namespaces cannot be made here")
        ip("-n", self.switch, "link", "add", "br0", "type", "bridge")
        ip("-n", self.switch, "link", "set", "br0", "up")
        failed = False
        for index, (host, address) in enumerate(zip(self.hosts, self.addresses)):
            failed |= ip("-n", self.switch, "link", "add", f"port{index}", "type", "veth", "peer", "name", "eth0", "netns", host).returncode != 0
            ip("-n", self.switch, "link", "set", f"port{index}", "master", "br0")
            ip("-n", self.switch, "link", "set", f"port{index}", "up")
            ip("-n", host, "addr", "add", f"{address}/24", "dev", "eth0")
            ip("-n", host, "link", "set", "eth0", "up")
            ip("-n", host, "link", "set", "lo", "up")
        if failed:
            self.__exit__()
            raise Missing("namespaces cannot be joined by a bridge here")
        return self

    def __exit__(self, *_):
        for name in self.hosts + [self.switch]:
            ip("netns", "del", name)

    def agent(self, file):
        """Writes what reaches a host in place of ssh: the first word that is no option is the address, the others are the command."""
        file.write_text("#!/bin/bash\nwhile [[ $1 == -* ]]; do shift; done\n" + "".join(
            f'[ "$1" = {address} ] && host={host}\n' for host, address in zip(self.hosts, self.addresses)) + 'shift\nexec ip netns exec "$host" bash -c "$*"\n')
        file.chmod(0o755)
        return file

    def cut(self, index):
        ip("-n", self.switch, "link", "set", f"port{index}", "down")

    def processes(self):
        found = []
        for host in self.hosts:
            found += [int(word) for word in ip("netns", "pids", host).stdout.split()]
        return found
