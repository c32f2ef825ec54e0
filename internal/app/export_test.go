package app

import (
	"net"

	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/doctor"
)

// Room is how many connections the limit for open files leaves.
func Room(files int) int { return room(files) }

// Reachable is where other servers are told to go.
func Reachable(set string, listens net.Addr, here string) string {
	return reachable(set, listens, here)
}

// Examined is the database of a data folder, for the doctor.
var Examined = examined{}

// Remote is the database that settings name, for the doctor.
func Remote(at config.Signing) doctor.Remote { return postgresDatabase{at} }

// Redis is what settings name, for the doctor.
func Redis(address string) doctor.Redis { return redisServer(address) }
