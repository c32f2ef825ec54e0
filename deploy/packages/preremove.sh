#!/bin/sh
# Before the files go: dpkg calls it with "remove" or "upgrade", rpm with how many versions are left.
set -e
case "$1" in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl disable --now sockeye.service sockeye.socket || true
	fi
	;;
esac
