package monitor_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-im/sockeye/internal/cluster/clustertest"
	"github.com/sockeye-im/sockeye/internal/monitor"
)

// TestJobs: a sample has the kinds of which there is something to say, and all samples together every attempt.
func TestJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deps(new(counted))
		waiting := []monitor.JobFigures{{Kind: "mail", Waiting: 3, Running: 1}, {Kind: "none"}}
		d.Read = func() monitor.Reading { return monitor.Reading{Jobs: waiting} }
		m := start(t, monitor.DefaultConfig(), d)
		defer m.Stop()
		d.Jobs.Observe("files", false, 5*time.Millisecond)
		d.Jobs.Observe("mail", true, time.Second)
		d.Jobs.Observe("mail", false, 500*time.Microsecond)
		time.Sleep(3 * time.Second)
		d.Jobs.Observe("mail", false, 2*time.Second)
		time.Sleep(2 * time.Second)
		samples, taken := m.Since(0)
		if taken != 3 {
			t.Fatalf("%d samples", taken)
		}
		for i, want := range [][]monitor.JobFigures{
			{{Kind: "mail", Waiting: 3, Running: 1}},
			{{Kind: "files", Done: 1, Took: 5, Longest: 5}, {Kind: "mail", Waiting: 3, Running: 1, Done: 1, Failed: 1, Took: 1000.5, Longest: 1000}},
			{{Kind: "mail", Waiting: 3, Running: 1, Done: 1, Took: 2000, Longest: 2000}},
		} {
			if !slices.Equal(samples[i].Jobs, want) {
				t.Errorf("sample %d has %+v", i, samples[i].Jobs)
			}
		}
		sum := monitor.SumJobs(samples)
		if len(sum) != 2 || sum["mail"] != (monitor.JobFigures{Kind: "mail", Waiting: 3, Running: 1, Done: 2, Failed: 1, Took: 3000.5, Longest: 2000}) {
			t.Errorf("in all: %+v", sum)
		}
	})
}

// TestJobsOfNodes: what nodes did is added, and how many wait all of them see.
func TestJobsOfNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := clustertest.New()
		var all []*monitor.Monitor
		var jobs []*monitor.Jobs
		for _, id := range []string{"a", "b"} {
			node := net.Node(id)
			d := deps(new(counted))
			d.Peers = node.Peers()
			d.Read = func() monitor.Reading {
				return monitor.Reading{Jobs: []monitor.JobFigures{{Kind: "mail", Waiting: 7, Running: 2}}}
			}
			m := start(t, monitor.DefaultConfig(), d)
			defer m.Stop()
			node.Start()
			defer node.Kill()
			all, jobs = append(all, m), append(jobs, d.Jobs)
			time.Sleep(500 * time.Millisecond) // so that one samples behind the other
		}
		jobs[0].Observe("mail", false, 10*time.Millisecond)
		jobs[1].Observe("mail", true, 30*time.Millisecond)
		jobs[1].Observe("files", false, time.Millisecond)
		time.Sleep(3200 * time.Millisecond) // both have sampled these; the first one had nothing since
		want := []monitor.JobFigures{
			{Kind: "files", Done: 1, Took: 1, Longest: 1}, {Kind: "mail", Waiting: 7, Running: 2, Failed: 1, Done: 1, Took: 40, Longest: 30},
		}
		samples, _ := all[1].Since(0)
		if i := slices.IndexFunc(samples, func(s monitor.Sample) bool { return slices.Equal(s.Jobs, want) }); i < 0 || len(samples[i].Nodes) != 0 && len(samples[i].Nodes) != 2 {
			t.Errorf("no sample is the sum: %+v", samples)
		}
	})
}
