package config

import (
	"net"
	"slices"
)

// Warnings lists settings that work but deserve a second look before strangers can reach the server. It prints no secret.
func (c *Config) Warnings() []string {
	var list []string
	if !c.Limits.Limits.On {
		list = append(list, "limits are off: no rates and no counts per IP address hold")
	}
	if c.Limits.QueueFrames != 0 {
		list = append(list, "queue-frames is ignored: queue-bytes alone bounds what may wait for a connection")
	}
	if slices.Contains(c.Origins, "*") {
		list = append(list, "origins: pages of every web origin may connect")
	}
	if c.Pprof.On {
		list = append(list, "pprof: /debug/pprof/ is open to whoever can reach the server")
	}
	if host, _, err := net.SplitHostPort(c.Listen); c.Metrics.On && (err != nil || !loopback(host)) {
		list = append(list, "metrics: /metrics is public, whoever can reach the server reads its figures")
	}
	return list
}
