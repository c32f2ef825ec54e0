package httpapi

import (
	"cmp"
	"context"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/monitor"
	"github.com/sockeye-im/sockeye/internal/wire"
)

const (
	defaultJobs = 50 // of a page
	// shownPayload is how many bytes of a payload are shown.
	shownPayload = 16 << 10
)

func (a *API) jobOperations() []operation {
	byID := map[string]string{"jobId": "id"}
	return []operation{
		operate(operation{
			method: http.MethodGet, path: "/admin/jobs", id: "getJobFigures", tag: tagAdmin, needs: anAdmin,
			summary: "Get the figures of jobs", details: "Of what the server does later, such as upkeep, on all nodes. Beyond 100,000 of a kind they are not counted further.",
		}, a.jobFigures),
		operate(operation{
			method: http.MethodGet, path: "/admin/jobs/dead", id: "listDeadJobs", tag: tagAdmin, needs: anAdmin, pages: afterNext,
			summary: "List dead jobs", details: "Those that have failed for good, the last one first. They are kept for 30 days.",
		}, a.listDeadJobs),
		operate(operation{
			method: http.MethodGet, path: "/admin/jobs/waiting", id: "listWaitingJobs", tag: tagAdmin, needs: anAdmin, pages: afterNext,
			summary: "List jobs that wait", details: "Those of a kind, by priority and then by their time: about in the order in which they are taken.",
		}, a.listWaitingJobs),
		operate(operation{
			method: http.MethodGet, path: "/admin/jobs/{jobId}", id: "getJob", tag: tagAdmin, needs: anAdmin, renamed: byID,
			summary: "Get a job", details: "With its last error. What it is about is shown only of kinds in which nothing is secret, or said by people. Of most kinds a job that is done is there no more.",
		}, a.getJob),
		operate(operation{
			method: http.MethodPost, path: "/admin/jobs/{jobId}/retry", id: "retryJob", tag: tagAdmin, needs: anAdmin, renamed: byID,
			summary: "Do a job now", details: "A dead one, with all of its attempts, or one that waits for its time.",
		}, a.retryJob),
		operate(operation{
			method: http.MethodPost, path: "/admin/jobs/{jobId}/cancel", id: "cancelJob", tag: tagAdmin, needs: anAdmin, renamed: byID,
			summary: "Cancel a job", details: "One that runs is told to end, and has the state `cancelling` until it has. One that recurs does not come back before a server is started.",
		}, a.cancelJob),
		operate(operation{
			method: http.MethodDelete, path: "/admin/jobs/{jobId}", id: "dropJob", tag: tagAdmin, needs: anAdmin, renamed: byID,
			summary: "Remove a job", details: "One that is dead, cancelled or done.",
		}, a.dropJob),
		operate(operation{
			method: http.MethodPost, path: "/admin/jobs/kinds/{kind}/pause", id: "pauseJobs", tag: tagAdmin, needs: anAdmin,
			summary: "Pause a kind of jobs", details: "No node begins one, also after a restart, until they are resumed. Those that run go on, and new ones wait.",
		}, a.pauseJobs),
		operate(operation{
			method: http.MethodPost, path: "/admin/jobs/kinds/{kind}/resume", id: "resumeJobs", tag: tagAdmin, needs: anAdmin,
			summary: "Resume a kind of jobs",
		}, a.resumeJobs),
	}
}

type jobKindBody struct {
	Kind          string  `json:"kind" doc:"The name of the kind."`
	Waiting       int     `json:"waiting" doc:"Jobs that wait for a worker, or for their time."`
	Running       int     `json:"running" doc:"Jobs that a node has taken."`
	Failed        int     `json:"failed" doc:"Dead ones, which have failed for good."`
	OldestSeconds float64 `json:"oldestSeconds" doc:"For how long the oldest job is due that waits; 0 where none is."`
	Paused        bool    `json:"paused" doc:"None is begun."`
	Workers       int     `json:"workers" doc:"How many a node does at a time."`
	// Recent is what came of attempts.
	Recent jobAttemptsBody `json:"recent" doc:"What came of attempts in the last ten minutes, or since the start of the node that answers."`
}

type jobAttemptsBody struct {
	Done    int     `json:"done" doc:"Attempts that succeeded."`
	Failed  int     `json:"failed" doc:"Attempts that failed."`
	Mean    float64 `json:"mean" doc:"How long one took, in milliseconds; 0 where there was none."`
	Longest float64 `json:"longest" doc:"How long the longest took, in milliseconds."`
}

func attemptsOf(f monitor.JobFigures) jobAttemptsBody {
	body := jobAttemptsBody{Done: f.Done, Failed: f.Failed, Longest: f.Longest}
	if n := f.Done + f.Failed; n > 0 {
		body.Mean = math.Round(1000*f.Took/float64(n)) / 1000
	}
	return body
}

type jobFiguresAnswer struct {
	QueueLength  int           `json:"queueLength" doc:"Jobs that wait."`
	WorkerCount  int           `json:"workerCount" doc:"How many jobs a node does at a time."`
	BatchSize    int           `json:"batchSize" doc:"How many jobs of a kind a node takes at a time at most."`
	BatchTimeout float64       `json:"batchTimeout" doc:"For how much work it takes jobs at a time, in seconds."`
	Kinds        []jobKindBody `json:"kinds"`
}

func (a *API) jobFigures(ctx context.Context, _ *caller, _ nothing) (jobFiguresAnswer, error) {
	f, err := a.deps.Jobs.Figures(ctx)
	if err != nil {
		return jobFiguresAnswer{}, err
	}
	answer := jobFiguresAnswer{
		QueueLength: f.QueueLength, WorkerCount: f.WorkerCount, BatchSize: f.BatchSize, BatchTimeout: f.BatchTimeout.Seconds(),
		Kinds: make([]jobKindBody, len(f.Kinds)),
	}
	now := a.deps.Now()
	samples, _ := a.deps.Monitor.Since(0)
	attempts := monitor.SumJobs(samples)
	for i, c := range f.Kinds {
		answer.Kinds[i] = jobKindBody{
			Kind: c.Kind, Waiting: c.Waiting, Running: c.Running, Failed: c.Dead, Paused: c.Paused, Workers: a.deps.Jobs.Workers(c.Kind),
			Recent: attemptsOf(attempts[c.Kind]),
		}
		if !c.Oldest.IsZero() {
			answer.Kinds[i].OldestSeconds = max(now.Sub(c.Oldest), 0).Round(time.Millisecond).Seconds()
		}
	}
	return answer, nil
}

// jobBody is a job without what it is about.
type jobBody struct {
	ID        string     `json:"id"`
	Kind      string     `json:"kind" doc:"The name of its kind."`
	Priority  string     `json:"priority" doc:"high, normal or low."`
	State     job.State  `json:"state"`
	Key       string     `json:"key,omitempty" doc:"Its unique key: no other job has it that has not ended."`
	Cron      string     `json:"cron,omitempty" doc:"When it recurs, as a line of crontab(5) in UTC."`
	RunAt     wire.Time  `json:"runAt" doc:"It is not done before."`
	Attempts  int        `json:"attempts" doc:"Those that have failed."`
	Lost      int        `json:"lost" doc:"Those that ended with their server."`
	Error     string     `json:"error,omitempty" doc:"Of the last attempt that failed."`
	CreatedAt wire.Time  `json:"createdAt"`
	EndedAt   *wire.Time `json:"endedAt,omitempty" doc:"Absent where it has not ended."`
}

var priorityNames = map[job.Priority]string{job.High: "high", job.Normal: "normal", job.Low: "low"}

func jobOf(j *job.Job) jobBody {
	return jobBody{
		ID: j.ID, Kind: j.Kind, Priority: priorityNames[j.Priority], State: j.State, Key: j.Key, Cron: j.Cron, RunAt: wire.Time(j.RunAt),
		Attempts: j.Attempts, Lost: j.Lost, Error: j.Error, CreatedAt: wire.Time(j.CreatedAt), EndedAt: wire.TimeOrNone(j.EndedAt),
	}
}

type listDeadJobsPayload struct {
	Kind  string `json:"kind" need:"optional" min:"0" doc:"The name of a kind; without it, of all."`
	After string `json:"after" need:"optional"`
	Limit int    `json:"limit" default:"50" max:"100"`
}

type deadJobsAnswer struct {
	Jobs []jobBody `json:"jobs"`
	Next string    `json:"next,omitempty"`
}

func (a *API) listDeadJobs(ctx context.Context, _ *caller, p listDeadJobsPayload) (deadJobsAnswer, error) {
	of := job.DeadQuery{Kind: p.Kind, Limit: cmp.Or(p.Limit, defaultJobs)}
	if p.After != "" && (!readCursor(p.After, &of.Before) || of.Before.ID == "") {
		return deadJobsAnswer{}, errCursor
	}
	jobs, err := a.deps.Jobs.Dead(ctx, of)
	if err != nil {
		return deadJobsAnswer{}, inField(err, "before", "after")
	}
	answer := deadJobsAnswer{Jobs: make([]jobBody, len(jobs))}
	for i := range jobs {
		answer.Jobs[i] = jobOf(&jobs[i])
	}
	if n := len(jobs); n == of.Limit {
		answer.Next = cursorAt(job.Place{At: jobs[n-1].EndedAt, ID: jobs[n-1].ID})
	}
	return answer, nil
}

type listWaitingJobsPayload struct {
	Kind  string `json:"kind" doc:"The name of a kind of jobs."`
	After string `json:"after" need:"optional"`
	Limit int    `json:"limit" default:"50" max:"100"`
}

type waitingJobsAnswer struct {
	Jobs []jobBody `json:"jobs"`
	Next string    `json:"next,omitempty"`
}

func (a *API) listWaitingJobs(ctx context.Context, _ *caller, p listWaitingJobsPayload) (waitingJobsAnswer, error) {
	of := job.WaitingQuery{Kind: p.Kind, Limit: cmp.Or(p.Limit, defaultJobs)}
	if p.After != "" && (!readCursor(p.After, &of.After) || of.After.ID == "") {
		return waitingJobsAnswer{}, errCursor
	}
	jobs, err := a.deps.Jobs.Waiting(ctx, of)
	if err != nil {
		return waitingJobsAnswer{}, err
	}
	answer := waitingJobsAnswer{Jobs: make([]jobBody, len(jobs))}
	for i := range jobs {
		answer.Jobs[i] = jobOf(&jobs[i])
	}
	if n := len(jobs); n == of.Limit {
		last := &jobs[n-1]
		answer.Next = cursorAt(job.Turn{Priority: last.Priority, RunAt: last.RunAt, ID: last.ID})
	}
	return answer, nil
}

type jobPayload struct {
	ID string `json:"id" doc:"The id of a job, as logs have it too."`
}

type jobAnswer struct {
	Job          jobBody `json:"job"`
	Payload      string  `json:"payload,omitempty" doc:"The first 16 KiB of what it is about; of kinds that show it."`
	PayloadBytes int     `json:"payloadBytes" doc:"How long that is."`
}

func (a *API) getJob(ctx context.Context, _ *caller, p jobPayload) (jobAnswer, error) {
	j, err := a.deps.Jobs.Job(ctx, p.ID)
	if err != nil {
		return jobAnswer{}, err
	}
	answer := jobAnswer{Job: jobOf(&j), PayloadBytes: len(j.Payload)}
	if a.deps.Jobs.ShowsPayload(j.Kind) {
		answer.Payload = strings.ToValidUTF8(string(j.Payload[:min(len(j.Payload), shownPayload)]), "\uFFFD")
	}
	return answer, nil
}

func (a *API) retryJob(ctx context.Context, c *caller, p jobPayload) (nothing, error) {
	if err := a.deps.Jobs.Retry(a.deps.Accounts.Audit(ctx, "job_retried", p.ID, ""), p.ID); err != nil {
		return nothing{}, inField(err, "key", "id") // of which the request has none
	}
	a.audit(c, "retry job", "job", p.ID)
	return nothing{}, nil
}

type jobStateAnswer struct {
	State job.State `json:"state"`
}

func (a *API) cancelJob(ctx context.Context, c *caller, p jobPayload) (jobStateAnswer, error) {
	state, err := a.deps.Jobs.Cancel(a.deps.Accounts.Audit(ctx, "job_cancelled", p.ID, ""), p.ID)
	if err == nil {
		a.audit(c, "cancel job", "job", p.ID)
	}
	return jobStateAnswer{state}, err
}

func (a *API) dropJob(ctx context.Context, c *caller, p jobPayload) (nothing, error) {
	if err := a.deps.Jobs.Drop(a.deps.Accounts.Audit(ctx, "job_dropped", p.ID, ""), p.ID); err != nil {
		return nothing{}, err
	}
	a.audit(c, "drop job", "job", p.ID)
	return nothing{}, nil
}

type jobKindPayload struct {
	Kind string `json:"kind" doc:"The name of a kind of jobs."`
}

func (a *API) pauseJobs(ctx context.Context, c *caller, p jobKindPayload) (nothing, error) {
	return nothing{}, a.setPaused(ctx, c, p.Kind, true)
}

func (a *API) resumeJobs(ctx context.Context, c *caller, p jobKindPayload) (nothing, error) {
	return nothing{}, a.setPaused(ctx, c, p.Kind, false)
}

func (a *API) setPaused(ctx context.Context, c *caller, kind string, paused bool) error {
	action, kept := "resume jobs", account.AuditAction("jobs_resumed")
	if paused {
		action, kept = "pause jobs", "jobs_paused"
	}
	if err := a.deps.Jobs.Pause(a.deps.Accounts.Audit(ctx, kept, kind, ""), kind, paused); err != nil {
		return err
	}
	a.audit(c, action, "kind", kind)
	return nil
}
