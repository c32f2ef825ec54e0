package httpapi_test

import (
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/usage"
)

// tryUsage wants who is connected to be counted.
func tryUsage(admin *described) {
	t := admin.n.t
	if _, err := admin.n.usage.Count(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, by := range usage.Units {
		before := by.Start(time.Now())
		r := admin.call("getUsage", values{"by": string(by), "limit": "2"}, "")
		day, users := r.text(t, "units", 1, "start"), r.json(t, "units", 0, "activeUsers").(float64)+r.json(t, "units", 1, "activeUsers").(float64)
		if day != before.Format(time.DateOnly) && day != by.Start(time.Now()).Format(time.DateOnly) || users != 1 || r.text(t, "by") != string(by) {
			t.Errorf("usage: %s", r.body)
		}
	}
	if r := admin.call("getUsage", nil, ""); len(r.json(t, "units").([]any)) != 30 {
		t.Errorf("usage of 30 days: %s", r.body)
	}
}

// TestUsageCounts: what is said shows once it is a minute old.
func TestUsageCounts(t *testing.T) {
	n := serve(t)
	ada := n.token("ada")
	room := n.ask("POST", "/api/v1/rooms", ada, `{"name":"Hall"}`).text(t, "room", "id")
	n.ask("POST", "/api/v1/rooms/"+room+"/messages", ada, `{"content":"hello"}`)
	later, err := usage.New(usage.Deps{
		Store: n.usageStore, Now: func() time.Time { return time.Now().Add(2 * time.Minute) }, Online: func() []string { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if counted, err := later.Count(t.Context()); err != nil || counted != 1 {
		t.Fatalf("counted %d, %v", counted, err)
	}
	r := n.ask("GET", "/api/v1/admin/usage?by=day&limit=2", n.admin("root"), "")
	sum := func(what string) float64 {
		return r.json(t, "units", 0, what).(float64) + r.json(t, "units", 1, what).(float64)
	}
	if sum("messages") != 1 || sum("activeUsers") != 1 || sum("activeRooms") != 1 || r.text(t, "countedThrough") == "" {
		t.Errorf("%s", r.body)
	}
}
