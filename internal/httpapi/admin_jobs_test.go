package httpapi_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
)

// dead stores jobs of a kind, which fail for good one after the other, and returns their ids.
func (n *node) dead(kind string, payloads ...string) (ids []string) {
	n.t.Helper()
	// By their own hands: the node's runner must not do them. It would not claim what is not due.
	later := time.Now().Add(time.Hour)
	for _, payload := range payloads {
		j := job.Job{ID: chat.NewID(), Kind: kind, State: job.Waiting, Payload: []byte(payload), RunAt: later, CreatedAt: later}
		if err := n.jobs.Store.Enqueue(n.t.Context(), []job.Job{j}); err != nil {
			n.t.Fatal(err)
		}
		claimed, err := n.jobs.Store.Claim(n.t.Context(), job.Claim{Kind: kind, Most: 10, Now: later, Lease: "test:" + j.ID, Last: time.Minute})
		if err != nil {
			n.t.Fatal(err)
		}
		for i := range claimed {
			end := job.End{Held: job.Held{ID: claimed[i].ID, Lease: claimed[i].Lease}, State: job.Waiting, RunAt: claimed[i].RunAt, At: later}
			if claimed[i].ID == j.ID {
				end.State, end.Attempts, end.Error = job.Dead, 4, "the disk is on fire"
			}
			if err := n.jobs.Store.Finish(n.t.Context(), []job.End{end}); err != nil {
				n.t.Fatal(err)
			}
		}
		ids = append(ids, j.ID)
	}
	return ids
}

// tryJobs tries everything there is for administrators about jobs.
func tryJobs(d *described) {
	t := d.n.t
	admin := *d
	admin.userToken = d.n.admin("root")
	long := strings.Repeat("é", 20_000)
	ids := d.n.dead("upkeep", `{"task":"none"}`, long, "\xff\x00")
	hidden := d.n.dead("of another version", "a secret")[0]

	admin.call("pauseJobs", values{"kind": "upkeep"}, "")
	r := admin.call("getJobFigures", nil, "")
	if r.json(t, "batchSize") != 100.0 || r.json(t, "batchTimeout") != 1.0 || r.json(t, "workerCount").(float64) < 4 {
		t.Errorf("figures: %s", r.body)
	}
	if k := kindIn(t, r, "upkeep"); k["failed"] != 3.0 || k["waiting"] != 7.0 || k["paused"] != true || k["workers"] != 4.0 {
		t.Errorf("of upkeep: %v in %s", k, r.body)
	}
	admin.call("resumeJobs", values{"kind": "upkeep"}, "")
	if k := kindIn(t, admin.call("getJobFigures", nil, ""), "upkeep"); k["paused"] != false {
		t.Errorf("resumed: %v", k)
	}

	all := admin.call("listWaitingJobs", values{"kind": "upkeep"}, "")
	first := admin.call("listWaitingJobs", values{"kind": "upkeep", "limit": "1"}, "")
	second := admin.call("listWaitingJobs", values{"kind": "upkeep", "limit": "1", "after": first.text(t, "next")}, "")
	if first.text(t, "jobs", 0, "id") != all.text(t, "jobs", 0, "id") || second.text(t, "jobs", 0, "id") != all.text(t, "jobs", 1, "id") ||
		all.json(t, "next") != nil || all.text(t, "jobs", 0, "state") != "waiting" || all.text(t, "jobs", 0, "cron") == "" {
		t.Errorf("waiting are %s, %s and %s", first.body, second.body, all.body)
	}

	page := admin.call("listDeadJobs", values{"kind": "upkeep", "limit": "2"}, "")
	if page.text(t, "jobs", 0, "id") != ids[2] || page.text(t, "jobs", 1, "id") != ids[1] || page.text(t, "jobs", 0, "error") != "the disk is on fire" {
		t.Errorf("dead are %s", page.body)
	}
	admin.call("dropJob", values{"jobId": ids[1]}, "") // the page goes on behind one that is gone
	page = admin.call("listDeadJobs", values{"kind": "upkeep", "limit": "2", "after": page.text(t, "next")}, "")
	if page.text(t, "jobs", 0, "id") != ids[0] || page.json(t, "next") != nil {
		t.Errorf("then come %s", page.body)
	}
	if all := admin.call("listDeadJobs", nil, ""); all.text(t, "jobs", 0, "id") != hidden || len(all.json(t, "jobs").([]any)) != 3 {
		t.Errorf("dead are %s", all.body)
	}

	if r := admin.call("getJob", values{"jobId": ids[0]}, ""); r.text(t, "payload") != `{"task":"none"}` || r.json(t, "payloadBytes") != 15.0 ||
		r.text(t, "job", "state") != "dead" || r.json(t, "job", "attempts") != 4.0 || r.text(t, "job", "endedAt") == "" {
		t.Errorf("a job: %s", r.body)
	}
	if r := admin.call("getJob", values{"jobId": ids[2]}, ""); r.text(t, "payload") != "\uFFFD\x00" {
		t.Errorf("a job with bytes: %s", r.body)
	}
	if r := admin.call("getJob", values{"jobId": hidden}, ""); r.json(t, "payload") != nil || r.json(t, "payloadBytes") != 8.0 {
		t.Errorf("a job of a kind that hides what it is about: %s", r.body)
	}

	d.n.refused(http.StatusConflict, "wrong_job_state", "POST", "/api/v1/admin/jobs/"+ids[0]+"/cancel", admin.userToken, "")
	admin.call("retryJob", values{"jobId": hidden}, "") // nobody does it, as nobody knows the kind
	if r := admin.call("cancelJob", values{"jobId": hidden}, ""); r.text(t, "state") != "cancelled" {
		t.Errorf("cancelled: %s", r.body)
	}
	admin.call("dropJob", values{"jobId": hidden}, "")
	if _, err := d.n.jobs.Job(t.Context(), hidden); !errors.Is(err, job.ErrNotFound) {
		t.Errorf("dropped: %v", err)
	}
	for _, action := range []string{"retry job", "cancel job", "drop job", "pause jobs", "resume jobs"} {
		if !strings.Contains(d.n.log.String(), `"msg":"admin action","action":"`+action+`","admin":"root"`) {
			t.Errorf("no trace of %s in the log", action)
		}
	}
}

// kindIn are the figures of a kind.
func kindIn(t testing.TB, r reply, kind string) map[string]any {
	t.Helper()
	kinds, _ := r.json(t, "kinds").([]any)
	for _, k := range kinds {
		if k := k.(map[string]any); k["kind"] == kind {
			return k
		}
	}
	t.Fatalf("no %s in %s", kind, r.body)
	return nil
}

func TestJobPayloadsAreBounded(t *testing.T) {
	n := serve(t)
	id := n.dead("upkeep", strings.Repeat("é", 20_000))[0]
	r := n.ask("GET", "/api/v1/admin/jobs/"+id, n.admin("root"), "")
	if text := r.text(t, "payload"); len(text) != 16<<10 || r.json(t, "payloadBytes") != 40_000.0 {
		t.Errorf("%d bytes of %v are shown", len(text), r.json(t, "payloadBytes"))
	}
}

// TestJobRefusals: what is wrong is named, and nothing is changed.
func TestJobRefusals(t *testing.T) {
	n := serve(t)
	token := n.admin("root")
	id := n.dead("upkeep", "x")[0]
	at := func(json string) string { return base64.RawURLEncoding.EncodeToString([]byte(json)) }
	for _, tc := range []struct {
		method, path string
		status       int
		code, field  string
	}{
		{"GET", "dead?limit=101", 400, "limit_exceeded", "limit"},
		{"GET", "dead?limit=-1", 400, "invalid_field", "limit"},
		{"GET", "dead?limit=many", 400, "invalid_field", "limit"},
		{"GET", "dead?kind=none", 404, "unknown_job_kind", "kind"},
		{"GET", "dead?after=x", 400, "invalid_field", "after"},
		{"GET", "dead?after=" + at(`{}`), 400, "invalid_field", "after"},
		{"GET", "dead?after=" + at(`{"id":"x","at":7}`), 400, "invalid_field", "after"},
		{"GET", "dead?after=" + at(`{"id":"a\u0000b","at":"2026-01-01T00:00:00Z"}`), 400, "invalid_field", "after"},
		{"GET", "waiting", 400, "missing_fields", "kind"},
		{"GET", "waiting?kind=none", 404, "unknown_job_kind", "kind"},
		{"GET", "waiting?kind=upkeep&limit=101", 400, "limit_exceeded", "limit"},
		{"GET", "waiting?kind=upkeep&limit=-1", 400, "invalid_field", "limit"},
		{"GET", "waiting?kind=upkeep&after=x", 400, "invalid_field", "after"},
		{"GET", "waiting?kind=upkeep&after=" + at(`{"priority":0}`), 400, "invalid_field", "after"},
		{"GET", "waiting?kind=upkeep&after=" + at(`{"id":"x","priority":9223372036854775807}`), 400, "invalid_field", "after"},
		{"GET", "waiting?kind=upkeep&after=" + at(`{"id":"a\u0000b","runAt":"2026-01-01T00:00:00Z"}`), 400, "invalid_field", "after"},
		{"GET", "none", 404, "job_not_found", "jobId"},
		{"GET", "%00", 404, "job_not_found", "jobId"},
		{"GET", strings.Repeat("x", 65), 404, "job_not_found", "jobId"},
		{"POST", "none/retry", 404, "job_not_found", "jobId"},
		{"POST", "%00/retry", 404, "job_not_found", "jobId"},
		{"POST", "none/cancel", 404, "job_not_found", "jobId"},
		{"POST", id + "/cancel", 409, "wrong_job_state", "jobId"},
		{"DELETE", "none", 404, "job_not_found", "jobId"},
		{"POST", "kinds/none/pause", 404, "unknown_job_kind", "kind"},
		{"POST", "kinds/%00/pause", 404, "unknown_job_kind", "kind"},
		{"POST", "kinds/none/resume", 404, "unknown_job_kind", "kind"},
	} {
		r := n.refused(tc.status, tc.code, tc.method, "/api/v1/admin/jobs/"+tc.path, token, "")
		if r.text(t, "field") != tc.field {
			t.Errorf("%s: %s", tc.path, r.body)
		}
	}
	if paused, err := n.jobs.Store.Paused(t.Context()); err != nil || len(paused) != 0 {
		t.Errorf("paused are %v, %v", paused, err)
	}
	if j, err := n.jobs.Job(t.Context(), id); err != nil || j.State != job.Dead {
		t.Errorf("the job is %+v, %v", j, err)
	}
}

// TestRetryOfATakenKey: another job has the key by now.
func TestRetryOfATakenKey(t *testing.T) {
	n := serve(t)
	j := job.Job{ID: chat.NewID(), Kind: "elsewhere", Key: "one", State: job.Waiting, RunAt: time.Now(), CreatedAt: time.Now()}
	if err := n.jobs.Store.Enqueue(t.Context(), []job.Job{j}); err != nil {
		t.Fatal(err)
	}
	claimed, err := n.jobs.Store.Claim(t.Context(), job.Claim{Kind: j.Kind, Most: 1, Now: time.Now(), Lease: "test:1", Last: time.Minute})
	if err != nil || len(claimed) != 1 {
		t.Fatalf("claimed %v, %v", claimed, err)
	}
	end := job.End{Held: job.Held{ID: j.ID, Lease: claimed[0].Lease}, State: job.Dead, At: time.Now()}
	if err := n.jobs.Store.Finish(t.Context(), []job.End{end}); err != nil {
		t.Fatal(err)
	}
	j.ID, end.ID = chat.NewID(), j.ID
	if err := n.jobs.Store.Enqueue(t.Context(), []job.Job{j}); err != nil {
		t.Fatal(err)
	}
	if r := n.refused(http.StatusConflict, "duplicate_job_key", "POST", "/api/v1/admin/jobs/"+end.ID+"/retry", n.admin("root"), ""); r.text(t, "field") != "jobId" {
		t.Errorf("%s", r.body)
	}
}
