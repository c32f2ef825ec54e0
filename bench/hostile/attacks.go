//go:build linux

package hostile

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/bench/hostile/attack"
)

// assault is an attack with the settings of the server that it is made on.
type assault struct {
	title, action string
	plan          attack.Plan
	attackers     int // with a token
	args          []string
}

// assaults of the full form, and of the short one.
func assaults(short bool) []assault {
	pick := func(full, few int) int {
		if short {
			return few
		}
		return full
	}
	d := func(full time.Duration) time.Duration {
		if short {
			return 300 * time.Millisecond
		}
		return full
	}
	// How long one has to sign in and to answer a ping. A slow machine gets more of it in the short form, which holds for the
	// witnesses too.
	quick, answer, late := time.Second, 2*time.Second, time.Duration(0)
	if short {
		quick, answer, late = 4*time.Second, 8*time.Second, 5*time.Minute
	}
	const slowly = 4 * time.Second
	signIn := func(d time.Duration) []string { return []string{"--auth-timeout", d.String()} }
	beat := []string{"--ping-interval", "1s", "--ping-timeout", answer.String()}
	return []assault{
		// Whoever is sent away and does not answer is dropped 5 s later.
		{title: fmt.Sprintf("handshakes that never end, sign-in within %.0f s", slowly.Seconds()), action: "connection", args: signIn(slowly),
			plan: attack.Plan{Kind: attack.Handshakes, Count: pick(2_000, 8), Within: slowly + 10*time.Second + late}},
		{title: "frames byte by byte", action: "byte", attackers: pick(200, 4),
			plan: attack.Plan{Kind: attack.Bytes, Count: pick(200, 4), For: d(3 * time.Second)}},
		{title: "pings without end", action: "ping", attackers: pick(40, 4),
			plan: attack.Plan{Kind: attack.Pings, Count: pick(40, 4), For: d(3 * time.Second)}},
		{title: "joins and leaves", action: "join or leave", attackers: pick(51, 4),
			plan: attack.Plan{Kind: attack.Joins, Count: pick(100_000, 60)}},
		{title: fmt.Sprintf("half-open connections, heartbeat of 1 s and %.0f s", answer.Seconds()), action: "connection", attackers: pick(2_000, 4), args: beat,
			plan: attack.Plan{Kind: attack.Silence, Count: pick(2_000, 4), Within: answer + 10*time.Second + late}},
		{title: fmt.Sprintf("polling sessions opened and abandoned, sign-in within %.0f s", quick.Seconds()), action: "session", args: signIn(quick),
			plan: attack.Plan{Kind: attack.Polling, Count: pick(12_000, 20), Within: quick + 2*time.Second}},
	}
}

// attacked is an assault and what came of it.
type attacked struct {
	assault
	attack.Outcome
}

const witnesses = 20

func (r *runner) attacks(ctx context.Context, report *Report) error {
	var failures error
	for _, a := range assaults(r.options.Short) {
		outcome, err := r.assault(ctx, a)
		if err != nil {
			failures = errors.Join(failures, fmt.Errorf("%s: %w", a.title, err))
			r.Say("%s: %v", a.title, err)
			continue
		}
		report.attacks = append(report.attacks, attacked{a, outcome})
		r.Say("%s: %d, %.1f µs each, memory %+.1f MiB at most, answers to others p99 %.1f ms (before %.1f)", a.title, outcome.Actions,
			perAction(outcome), mebibytes(outcome.Peak-outcome.Before), millis(outcome.Meanwhile.P99), millis(outcome.Quiet.P99))
	}
	return failures
}

func (r *runner) assault(ctx context.Context, a assault) (outcome attack.Outcome, err error) {
	server, tokens, err := r.start(ctx, a.plan.Kind, witnesses+a.attackers, a.args...)
	if err != nil {
		return outcome, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	a.plan.Addr, a.plan.PID, a.plan.Tokens, a.plan.Witness, a.plan.Patience = server.Addr, server.PID(), tokens, witnesses, r.patience()
	err = r.Try(ctx, map[string]any{"Attack": a.plan}, &outcome)
	return outcome, err
}

func perAction(o attack.Outcome) float64 {
	return float64(o.CPU.Nanoseconds()) / 1e3 / float64(max(1, o.Actions))
}

func mebibytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }

func (r *Report) attackTable(b *strings.Builder) {
	if len(r.attacks) == 0 {
		return
	}
	fmt.Fprintf(b, `Attacks, each on a server of its own, while %d clients that mean well ask for their rooms, one question after the other; none
of them was lost, or waited for an answer in vain. Memory is VmRSS; sent away is until the server was rid of the last attacker.

| | what | of it refused | CPU: µs each | server busy: %% | memory before: MiB | at most | at the end | sent away: s | others' answers, 99 %%: ms | before |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
`, witnesses)
	for _, a := range r.attacks {
		rid := ""
		if a.Rid > 0 {
			rid = fmt.Sprintf("%.1f", a.Rid.Seconds())
		}
		fmt.Fprintf(b, "| %s | %d × %s | %d | %.2f | %.0f | %.1f | %.1f | %.1f | %s | %.1f | %.1f |\n", a.title, a.Actions, a.action, a.Refused,
			perAction(a.Outcome), 100*float64(a.CPU)/float64(max(1, a.Elapsed)), mebibytes(a.Before), mebibytes(a.Peak), mebibytes(a.After), rid,
			millis(a.Meanwhile.P99), millis(a.Quiet.P99))
	}
	b.WriteString("\n")
}
