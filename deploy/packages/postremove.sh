#!/bin/sh
# After the files are gone. Data, settings and the user stay, also after a purge: they are nothing that can be installed again.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi
