package app

import (
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/doctor"
)

// Room is how many connections the limit for open files leaves.
func Room(files int) int { return room(files) }

// Examined is the database of a data folder, for the doctor.
var Examined = examined{}

// Remote is the database that settings name, for the doctor.
func Remote(at config.Signing) doctor.Remote { return postgresDatabase{at} }
