//go:build linux

package hostile

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/bench/hostile/attack"
)

// What is promised about strangers, however many there are.
const (
	mostGrowth = 64 << 20         // bytes of resident memory
	mostStay   = 30 * time.Second // until the last of them is sent away
)

// intrusion is what strangers do, and what came of it.
type intrusion struct {
	title string
	plan  attack.StrangersPlan
	attack.StrangersOutcome
}

// intrusions of the full form, and of the short one, each from one address and from many.
func intrusions(short bool) (all []intrusion) {
	for _, i := range []struct {
		title, kind string
		count, few  int
	}{
		{"bodies that lack a byte, to an unknown session", attack.Bodies, 2_000, 8},
		{"frames of 1 MB that do not end, before sign-in", attack.Frames, 2_000, 8},
		{"payloads of 500,000 packets, before sign-in", attack.Packets, 2_000, 4},
		{"sign-ins with 333,000 values beside the token", attack.Values, 2_000, 4},
		{"bodies that never come, of refused requests", attack.Promises, 2_000, 10},
		{"wrong logins, as many at once, beside a right one", attack.WrongLogins, 200, 8},
	} {
		for _, scattered := range []bool{false, true} {
			plan := attack.StrangersPlan{Kind: i.kind, Count: i.count, Scattered: scattered, Within: mostStay + mostStay/2}
			if short {
				plan.Count, plan.Within = i.few, 2*time.Second
			}
			all = append(all, intrusion{title: i.title, plan: plan})
		}
	}
	return all
}

// strangers has them come to a server of their own each time; in the short form to several at a time, as they wait a lot.
func (r *runner) strangers(ctx context.Context, report *Report) error {
	all, atOnce := intrusions(r.options.Short), 1
	if r.options.Short {
		atOnce = 4
	}
	errs := make([]error, len(all))
	turns := make(chan struct{}, atOnce)
	var running sync.WaitGroup
	for n := range all {
		turns <- struct{}{}
		running.Go(func() {
			errs[n] = r.intrude(ctx, &all[n])
			<-turns
		})
	}
	running.Wait()
	var failures error
	for n, i := range all {
		err := errs[n]
		if err == nil {
			report.intrusions = append(report.intrusions, i)
			r.Say("%s, %s: %d, %d refused, %d stayed, sent away after %.1f s, memory %+.1f MiB, %d of %d messages lost %s", i.title, i.from(),
				i.Strangers, i.Refused, i.Stayed, i.Rid.Seconds(), mebibytes(i.growth()), i.Talk.Lost, i.Talk.Messages, i.Talk.Trouble)
			if !r.options.Short {
				err = i.broken()
			}
		}
		if err != nil {
			failures = errors.Join(failures, fmt.Errorf("%s, %s: %w", i.title, i.from(), err))
			r.Say("%s, %s: %v", i.title, i.from(), err)
		}
	}
	return failures
}

func (r *runner) intrude(ctx context.Context, i *intrusion) (err error) {
	name := "strangers-" + i.plan.Kind
	var args []string
	if i.plan.Scattered { // those who talk are faster than people, all from one address
		name, args = name+"-scattered", []string{"--limits", "on", "--rate-events", "off"}
	}
	server, tokens, err := r.start(ctx, name, witnesses, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	plan := i.plan
	plan.Addr, plan.PID, plan.Tokens, plan.Patience = server.Addr, server.PID(), tokens, r.patience()
	return r.Try(ctx, map[string]any{"Strangers": plan}, &i.StrangersOutcome)
}

func (i *intrusion) from() string {
	if i.plan.Scattered {
		return "an address each"
	}
	return "one address"
}

func (i *intrusion) growth() int64 { return i.Peak - i.Before }

// broken tells which promise was not kept.
func (i *intrusion) broken() (err error) {
	if growth := i.growth(); growth > mostGrowth {
		err = errors.Join(err, fmt.Errorf("memory grew by %.1f MiB", mebibytes(growth)))
	}
	if i.Stayed > 0 || i.Rid > mostStay {
		err = errors.Join(err, fmt.Errorf("the last was sent away after %.1f s, %d were not", i.Rid.Seconds(), i.Stayed))
	}
	if i.Talk.Lost > 0 || i.Talk.Trouble != "" {
		err = errors.Join(err, fmt.Errorf("%d messages were lost: %s", i.Talk.Lost, i.Talk.Trouble))
	}
	if i.Right.Failed > 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d right logins failed", i.Right.Failed, i.Right.Tried))
	}
	return err
}

func (r *Report) strangersTable(b *strings.Builder) {
	if len(r.intrusions) == 0 {
		return
	}
	fmt.Fprintf(b, `Strangers, who never sign in, doing their worst all at once, each time on a server of its own: from one address, with the
limits of rates lifted so that all get in, and from an address each, with the default limits. Meanwhile %d clients talk in a
room, each a message every %s. Memory is VmRSS, at most while the strangers are there.

| | strangers | from | refused at once | sent away: s | stayed | memory before: MiB | grew at most by: MiB | messages of others, each to %d | lost | acknowledged, 99 %%: ms | before | right logins, failed |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
`, witnesses, attack.TalkPause, witnesses)
	for _, i := range r.intrusions {
		logins := ""
		if i.Right.Tried > 0 {
			logins = fmt.Sprintf("%d, %s", i.Right.Tried, within(i.Right.Failed == 0, "%d", i.Right.Failed))
		}
		fmt.Fprintf(b, "| %s | %d | %s | %d | %s | %s | %.1f | %s | %d | %s | %.1f | %.1f | %s |\n", i.title, i.Strangers, i.from(), i.Refused,
			within(i.Rid <= mostStay, "%.1f", i.Rid.Seconds()), within(i.Stayed == 0, "%d", i.Stayed), mebibytes(i.Before),
			within(i.growth() <= mostGrowth, "%.1f", mebibytes(i.growth())), i.Talk.Messages, within(i.Talk.Lost == 0 && i.Talk.Trouble == "", "%d", i.Talk.Lost),
			millis(i.Meanwhile.P99), millis(i.Quiet.P99), logins)
	}
	fmt.Fprintf(b, "| at most |  |  |  | %.0f | 0 |  | %d |  | 0 |  |  | 0 |\n\n", mostStay.Seconds(), mostGrowth>>20)
}

// within formats a figure, and makes it stand out where a promise is not kept.
func within(kept bool, format string, figure any) string {
	if kept {
		return fmt.Sprintf(format, figure)
	}
	return fmt.Sprintf("**"+format+", too much**", figure)
}
