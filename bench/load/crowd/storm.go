//go:build linux

package crowd

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-im/sockeye/bench/process"
)

// Storm has many users come back at the same moment, each with what it has missed to ask for: once to a server that they
// have just left, and once to one that was killed under them, and that somebody else starts again at the same address.
type Storm struct {
	Users  int
	Rooms  int // the users are spread over them
	Missed int // messages to every room while users are away
}

// StormResult is what became of both.
type StormResult struct {
	Reconnect, Restart Wave
}

// Wave is how all came back.
type Wave struct {
	Down      time.Duration // from the kill until the server takes connections
	Connected time.Duration // from there (or from the first packet) until all have signed in
	InStep    time.Duration // and until all have what they missed
	Median    time.Duration // until half of them are in step
	Tries     int           // connections that were refused or lost, and tried again
	Caught    int           // events that were caught up with
	CPU       time.Duration // of the server; 0 behind a restart
	Failed    int           // users who are not in step in the end
}

// retryAfter is when a client tries again; clients have a second or more.
const retryAfter = 300 * time.Millisecond

// gathering is the users and their rooms.
type gathering struct {
	*loop
	storm   *Storm
	tokens  []string
	members []*member
	owner   []*member // by the number of the connection
	heads   []int64   // of the rooms, as their creators know

	answered int // joins
	wave     *Wave
	began    time.Time
	in, step int       // who has signed in, and who is in step, in this wave
	again    []*member // to come back later
	again0   time.Time // since when the first of them waits
}

func storm(t *Trial) (StormResult, error) {
	g, err := gather(t)
	if err != nil {
		return StormResult{}, err
	}
	defer g.close()
	var result StormResult
	if err := g.settle(); err != nil {
		return result, fmt.Errorf("settle: %w", err)
	}
	if err := g.leave(); err != nil {
		return result, fmt.Errorf("before the storm: %w", err)
	}
	before, err := g.read()
	if err != nil {
		return result, err
	}
	g.dropAll()
	if result.Reconnect, err = g.comeBack(); err != nil {
		return result, fmt.Errorf("reconnect: %w", err)
	}
	after, err := g.read()
	if err != nil {
		return result, err
	}
	result.Reconnect.CPU = after.cpu - before.cpu
	if err := g.leave(); err != nil {
		return result, fmt.Errorf("before the kill: %w", err)
	}
	if result.Restart, err = g.killed(); err != nil {
		return result, fmt.Errorf("restart: %w", err)
	}
	return result, nil
}

func gather(t *Trial) (*gathering, error) {
	words := &dialect{ping: "2", pong: "3"}
	l, err := newLoop(t.Plan, words)
	if err != nil {
		return nil, err
	}
	g := &gathering{loop: l, storm: t.Storm, tokens: t.Tokens, heads: make([]int64, t.Storm.Rooms)}
	for i := range t.Storm.Users {
		m := &member{number: i, token: t.Tokens[i], room: fmt.Sprintf("storm-%d", i%t.Storm.Rooms), speech: socketIOSpeech{}}
		g.members = append(g.members, m)
	}
	l.heard = g.hear
	return g, nil
}

// open opens a connection for a member.
func (g *gathering) open(m *member) error {
	if err := g.dial(m.speech.role(m.token)); err != nil {
		return err
	}
	m.conn, m.inStep, m.syncing = g.conns[len(g.conns)-1], false, false
	g.owner = append(g.owner, m)
	return nil
}

// settle has all come in, one after the other, make and join the rooms, and hear a first message.
func (g *gathering) settle() error {
	for _, m := range g.members {
		if err := g.dialSoonAs(m); err != nil {
			return err
		}
	}
	if err := g.run(func() (bool, error) { return g.loop.open == len(g.members), nil }); err != nil {
		return err
	}
	for i, m := range g.members {
		var err error
		if i < g.storm.Rooms {
			err = m.create(len(g.members)/g.storm.Rooms + 1)
		} else {
			err = m.join()
		}
		if err != nil {
			return err
		}
		if i == g.storm.Rooms-1 || i%atOnce == 0 || i == len(g.members)-1 {
			if err := g.run(func() (bool, error) { return g.answered == i+1, nil }); err != nil {
				return err
			}
		}
	}
	for _, m := range g.members {
		m.inStep = true
	}
	return g.talk(1)
}

func (g *gathering) dialSoonAs(m *member) error {
	err := g.run(func() (bool, error) { return len(g.conns)-g.loop.open < atOnce, nil })
	if err != nil {
		return err
	}
	return g.open(m)
}

// talk has the creators send messages, and waits until they are stored and whoever is there has them.
func (g *gathering) talk(messages int) error {
	for range messages {
		for room := range g.storm.Rooms {
			g.heads[room] = 0
			if err := g.members[room].send("something to catch up with, as long as people write"); err != nil {
				return err
			}
		}
		if err := g.run(g.allHeard); err != nil {
			return err
		}
	}
	return nil
}

func (g *gathering) allHeard() (bool, error) {
	if slices.Contains(g.heads, 0) {
		return false, nil
	}
	for i, m := range g.members {
		if m.conn != nil && m.seen < g.heads[i%g.storm.Rooms] {
			return false, nil
		}
	}
	return true, nil
}

// leave has all but the creators of the rooms go, and something said behind their backs.
func (g *gathering) leave() error {
	for _, m := range g.members[g.storm.Rooms:] {
		m.conn.drop()
		m.conn = nil
	}
	return g.talk(g.storm.Missed)
}

func (g *gathering) dropAll() {
	for _, m := range g.members {
		if m.conn != nil {
			m.conn.drop()
			m.conn = nil
		}
	}
}

// comeBack has all open a connection at once, and waits until all are in step.
func (g *gathering) comeBack() (Wave, error) {
	g.wave, g.in, g.step, g.began, g.again = new(Wave), 0, 0, time.Now(), nil
	g.came, g.lost = g.entered, g.lose
	for _, m := range g.members {
		m.caught = 0
		if err := g.open(m); err != nil {
			return Wave{}, err
		}
	}
	err := g.run(g.retry)
	g.came, g.lost = nil, nil
	for _, m := range g.members {
		g.wave.Caught += m.caught
		if !m.inStep {
			g.wave.Failed++
		}
	}
	if err == nil {
		// Whoever is in step gets what comes next, too.
		err = g.talk(1)
	}
	return *g.wave, err
}

// retry opens connections again for those whose were lost.
func (g *gathering) retry() (bool, error) {
	if len(g.again) > 0 && time.Since(g.again0) > retryAfter {
		again := g.again
		g.again = nil
		for _, m := range again {
			if err := g.open(m); err != nil {
				return false, err
			}
		}
	}
	return g.step == len(g.members), nil
}

func (g *gathering) entered(c *conn) error {
	if g.in++; g.in == len(g.members) {
		g.wave.Connected = time.Since(g.began)
	}
	return g.owner[c.number].sync()
}

// lose notes a connection that was refused or lost, to be tried again.
func (g *gathering) lose(c *conn, _ error) error {
	m := g.owner[c.number]
	if m.conn != c {
		return nil
	}
	if c.step == len(c.role.steps) && c.upgraded {
		g.in--
	}
	if m.inStep {
		g.step--
	}
	m.conn = nil
	if len(g.again) == 0 {
		g.again0 = time.Now()
	}
	g.again = append(g.again, m)
	g.wave.Tries++
	return nil
}

func (g *gathering) hear(c *conn, payload []byte) error {
	m := g.owner[c.number]
	if m.conn != c {
		return nil
	}
	g.last = time.Now()
	e := m.speech.read(payload)
	switch {
	case e.name == "room:message" || e.name == "room:user_joined":
		return m.logged(e)
	case e.name == "error":
		return fmt.Errorf("member %d is told %.200q", m.number, payload)
	case e.name != "":
		return nil
	}
	if err := failed(e.body); err != nil {
		return err
	}
	switch e.id {
	case callJoin:
		g.answered++
		m.conversation = string(field(e.body, `"conversationId":"`, '"'))
	case callSend:
		g.heads[m.number] = seqOf(e.body)
	case callSync:
		done, err := m.synced(e.body)
		if !done || err != nil {
			return err
		}
		g.step++
		switch g.step {
		case (len(g.members) + 1) / 2:
			g.wave.Median = time.Since(g.began)
		case len(g.members):
			g.wave.InStep = time.Since(g.began)
		}
	}
	return nil
}

// killed kills the server under all who are there, waits until there is one again, and has all come back.
func (g *gathering) killed() (Wave, error) {
	g.dropAll()
	killed := time.Now()
	if err := unix.Kill(g.plan.PID, unix.SIGKILL); err != nil {
		return Wave{}, os.NewSyscallError("kill", err)
	}
	for !g.reachable() {
		if time.Since(killed) > patience {
			return Wave{}, errors.New("nobody has started the server again")
		}
		time.Sleep(5 * time.Millisecond)
	}
	down := time.Since(killed)
	wave, err := g.comeBack()
	wave.Down = down
	return wave, err
}

// reachable tells whether the server takes connections.
func (g *gathering) reachable() bool {
	if _, err := process.CPUTime(g.plan.PID); err == nil {
		return false // the old one is still there
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(fd) }()
	return unix.Connect(fd, &g.servers[0]) == nil
}
