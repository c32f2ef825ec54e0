package app

import "github.com/sockeye-im/sockeye/internal/cluster"

// watchBrokers adds the figures of frames to and from other servers, and of the ways that they take.
func (s *Server) watchBrokers() (errs []error) {
	for name, f := range map[string]struct {
		help string
		read func(cluster.Traffic) uint64
	}{
		"sent":    {"Frames to other servers.", func(t cluster.Traffic) uint64 { return t.Sent }},
		"heard":   {"Frames of other servers.", func(t cluster.Traffic) uint64 { return t.Heard }},
		"missed":  {"How often frames may have been lost, after which the database is asked.", func(t cluster.Traffic) uint64 { return t.Missed }},
		"late":    {"Frames that came twice, or behind later ones, and were dropped.", func(t cluster.Traffic) uint64 { return t.Late }},
		"unknown": {"Frames of a version or kind that this server does not know.", func(t cluster.Traffic) uint64 { return t.Unknown }},
		"forged":  {"What was not signed by the servers of the database, and was dropped.", func(t cluster.Traffic) uint64 { return t.Forged }},
		"astray":  {"Frames whose time is too far from this machine's clock, and that were dropped.", func(t cluster.Traffic) uint64 { return t.Astray }},
	} {
		errs = append(errs, s.counts.WatchTotal("sockeye_frames_"+name+"_total", f.help, func() float64 { return float64(f.read(s.Node.Traffic())) }))
	}
	for _, path := range s.paths {
		errs = append(errs, s.watchBroker("sockeye_broker_"+path.Name, path.Broker)...)
	}
	return errs
}

func (s *Server) watchBroker(name string, broker cluster.Broker) []error {
	m := s.counts
	return []error{
		m.Watch(name+"_working", "1 while frames go this way, else 0.", func() float64 {
			if broker.Working() {
				return 1
			}
			return 0
		}),
		m.WatchTotal(name+"_published_total", "Frames that were sent this way.", func() float64 { return float64(broker.Counts().Published) }),
		m.WatchTotal(name+"_dropped_total", "Frames that could not be sent this way.", func() float64 { return float64(broker.Counts().Dropped) }),
		m.WatchTotal(name+"_connections_total", "How often this way was found, or found again.", func() float64 { return float64(broker.Counts().Connections) }),
	}
}
