//go:build linux

package hostile_test

import (
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/bench/hostile"
	"github.com/sockeye-im/sockeye/bench/hostile/attack"
)

// The figures of the short form mean nothing, but what is promised has to hold: nobody fails to come back, whoever reads
// loses nothing, whoever does not is told why and catches up, and attackers disturb no others. The trials themselves
// fail where a message is lost or somebody is not served.
func TestPromises(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs servers")
	}
	report, err := hostile.Run(t.Context(), hostile.Options{Short: true, Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	for name, wave := range report.Waves() {
		if wave.Failed > 0 || wave.Caught == 0 {
			t.Errorf("%s: %d users are not in step, %d events were caught up with", name, wave.Failed, wave.Caught)
		}
	}
	slow, plan := report.Slow()
	// Whoever reads on only after the closing handshake's time is told nothing.
	told := 0
	for reason, n := range slow.Closed {
		if reason == "4008 slow consumer" || strings.HasPrefix(reason, "nothing") {
			told += n
		}
	}
	if told != plan.Stopped {
		t.Errorf("of %d who did not read some were told something else: %v", plan.Stopped, slow.Closed)
	}
	if slow.Counted != plan.Stopped {
		t.Errorf("the server has counted %d slow consumers instead of %d", slow.Counted, plan.Stopped)
	}
	if slow.Caught != plan.Stopped {
		t.Errorf("of %d who did not read %d have it all in the end", plan.Stopped, slow.Caught)
	}
	if want := int64(plan.Members+1) * slow.Messages; slow.Delivered != want {
		t.Errorf("%d deliveries to those who read, instead of %d", slow.Delivered, want)
	}
	if got := report.Attacks(); got != 6 {
		t.Errorf("%d attacks went as they should, instead of 6", got)
	}
	checkStrangers(t, report)
}

// checkStrangers makes sure that what strangers do is measured: that they got as far as they were to, and that others talked
// meanwhile, who lost nothing. How soon they are sent away is not asked here.
func checkStrangers(t *testing.T, report *hostile.Report) {
	t.Helper()
	rows := 0
	report.Strangers(func(title string, plan attack.StrangersPlan, came attack.StrangersOutcome) {
		rows++
		// How many wrong logins are answered beside the right one is up to the machine.
		if plan.Kind != attack.WrongLogins && (came.Strangers < plan.Count || came.Refused == came.Strangers) {
			t.Errorf("%s: %d of %d strangers came, %d were refused", title, came.Strangers, plan.Count, came.Refused)
		}
		if came.Before <= 0 || came.Peak < came.Before || came.Rid <= 0 {
			t.Errorf("%s: memory %d, at most %d, rid after %s", title, came.Before, came.Peak, came.Rid)
		}
		if came.Talk.Delivered == 0 || came.Talk.Lost > 0 || came.Talk.Trouble != "" {
			t.Errorf("%s: of what others said %+v", title, came.Talk)
		}
		if plan.Kind == attack.WrongLogins && came.Right.Tried == 0 {
			t.Errorf("%s: nobody has tried the right login", title)
		}
	})
	if rows != 12 || strings.Count(report.Markdown(), "| an address each |") != 6 {
		t.Errorf("%d rows instead of 12 in\n%s", rows, report.Markdown())
	}
}
