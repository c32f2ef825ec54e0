#!/bin/sh
# Makes the secrets that compose.yaml hands to its services, once: what is there stays. The folder is for its owner alone; the files
# in it are readable, since those who read them are other users, within containers.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets
if [ ! -e secrets/postgres_password ]; then
	od -An -N 32 -tx1 /dev/urandom | tr -d ' \n' >secrets/postgres_password
fi
if [ ! -e secrets/database ]; then
	printf 'postgres://sockeye:%s@postgres:5432/sockeye\n' "$(cat secrets/postgres_password)" >secrets/database
fi
chmod 444 secrets/*
