//go:build linux

package store

import (
	"github.com/sockeye-im/sockeye/bench/process"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// database is a PostgreSQL server for the measurements alone.
type database struct{ *pgtest.Server }

// settings are PostgreSQL's own defaults where the server that it is started as has others.
var settings = []string{
	"shared_buffers=128MB", "max_wal_size=1GB", "min_wal_size=80MB", "wal_level=replica", "max_wal_senders=10", "autovacuum_naptime=1min",
}

// startDatabase starts a server on these cores, all its processes to come included.
func startDatabase(cores process.Cores) (*database, error) {
	var d database
	err := cores.Do(func() (err error) {
		d.Server, err = pgtest.Launch(settings...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &d, nil
}
