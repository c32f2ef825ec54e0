package monitor

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Jobs counts what came of attempts to do jobs, by their kinds. Observe may be called concurrently. The zero value is ready.
type Jobs struct {
	mu sync.Mutex
	of map[string]*JobFigures
}

// JobFigures are those of a kind of jobs. A sample has those of kinds of which there is something to say.
type JobFigures struct {
	Kind    string  `json:"kind" doc:"The name of the kind."`
	Waiting int     `json:"waiting" doc:"Jobs that wait for a worker, or for their time, on all nodes."`
	Running int     `json:"running" doc:"Jobs that a node has taken."`
	Done    int     `json:"done" doc:"Attempts that succeeded since the sample before."`
	Failed  int     `json:"failed" doc:"Attempts that failed since then."`
	Took    float64 `json:"took" doc:"How long these took together, in milliseconds."`
	Longest float64 `json:"longest" doc:"How long the longest of them took, in milliseconds."`
}

// Observe counts an attempt.
func (j *Jobs) Observe(kind string, failed bool, took time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.of == nil {
		j.of = make(map[string]*JobFigures)
	}
	f := j.of[kind]
	if f == nil {
		f = &JobFigures{Kind: kind}
		j.of[kind] = f
	}
	ms := float64(took.Microseconds()) / 1000
	if failed {
		f.Failed++
	} else {
		f.Done++
	}
	f.Took += ms
	f.Longest = max(f.Longest, ms)
}

// take returns what was counted, with how many there are, and begins anew.
func (j *Jobs) take(there []JobFigures) []JobFigures {
	j.mu.Lock()
	counted := j.of
	j.of = nil
	j.mu.Unlock()
	var all []JobFigures
	for _, f := range there {
		if f.Waiting+f.Running > 0 || counted[f.Kind] != nil {
			all = append(all, f)
		}
	}
	for _, f := range counted {
		all = addJobs(all, *f)
	}
	slices.SortFunc(all, func(a, b JobFigures) int { return cmp.Compare(a.Kind, b.Kind) })
	return all
}

// addJobs adds the figures of a kind. How many wait and run every node says of all of them.
func addJobs(all []JobFigures, f JobFigures) []JobFigures {
	i := slices.IndexFunc(all, func(a JobFigures) bool { return a.Kind == f.Kind })
	if i < 0 {
		return append(all, f)
	}
	a := &all[i]
	a.Waiting, a.Running = max(a.Waiting, f.Waiting), max(a.Running, f.Running)
	a.Done += f.Done
	a.Failed += f.Failed
	a.Took += f.Took
	a.Longest = max(a.Longest, f.Longest)
	return all
}

// SumJobs are the attempts of all samples, by kinds. How many wait and run is what was the most.
func SumJobs(samples []Sample) map[string]JobFigures {
	var all []JobFigures
	for i := range samples {
		for _, f := range samples[i].Jobs {
			all = addJobs(all, f)
		}
	}
	of := make(map[string]JobFigures, len(all))
	for _, f := range all {
		of[f.Kind] = f
	}
	return of
}
