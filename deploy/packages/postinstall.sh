#!/bin/sh
# After the files are there: dpkg calls it with "configure", rpm with how many versions are installed.
set -e

if ! getent group sockeye >/dev/null; then
	groupadd --system sockeye
fi
if ! getent passwd sockeye >/dev/null; then
	useradd --system --gid sockeye --home-dir /var/lib/sockeye --no-create-home --shell /usr/sbin/nologin sockeye
fi
if [ ! -d /var/lib/sockeye ]; then
	install -d -m 0700 -o sockeye -g sockeye /var/lib/sockeye
fi

# Where systemd runs. A server that runs goes on as the new version; nobody is refused meanwhile, as systemd holds its listener.
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl try-restart sockeye.service || true
fi

case "$1:$2" in
configure: | 1:)
	echo "Sockeye is installed and not started: it would listen on port 3000 of all addresses, and let anybody make an account."
	echo "Look at /etc/sockeye/sockeye.yaml, then: systemctl enable --now sockeye"
	;;
esac
