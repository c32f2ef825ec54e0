//go:build linux

package compare

import (
	"os/exec"
	"path/filepath"
)

// The names of the peers that others are compared with.
const (
	sockeye = "sockeye"
	node    = "node"
	write   = "write"
	write16 = "write-16"
)

// peer is a server to measure.
type peer struct {
	name    string // on the command line
	title   string // in tables
	dialect string // what package crowd is to speak
	needs   part   // what has to be built or installed
	floor   bool   // writes and does nothing else: for fan-out only
	frames  int    // of a floor, that it writes in one call at most
	command func(b *built) *exec.Cmd
}

var peers = []peer{
	{name: sockeye, title: "**Sockeye**, package socketio", dialect: "socketio", needs: ours,
		command: func(b *built) *exec.Cmd { return exec.Command(b.path("server"), b.serverArgs...) }},
	{name: node, title: "Node socket.io (ws)", dialect: "socketio", needs: npm,
		command: func(b *built) *exec.Cmd { return b.node("socketio.mjs") }},
	{name: "centrifuge", title: "centrifuge library (own protocol)", dialect: "centrifuge", needs: goPeers,
		command: func(b *built) *exec.Cmd { return exec.Command(b.path("centrifuge")) }},
	{name: "gws", title: "bare gws, no Socket.IO", dialect: "frames", needs: goPeers,
		command: func(b *built) *exec.Cmd { return exec.Command(b.path("gws")) }},
	{name: "ws", title: "bare npm ws, no Socket.IO", dialect: "frames", needs: npm,
		command: func(b *built) *exec.Cmd { return b.node("ws.mjs") }},
	{name: write, title: "bare write(2), 1 frame a call", dialect: "frames", needs: ours, floor: true, frames: 1,
		command: func(b *built) *exec.Cmd { return exec.Command(b.path("barewrite")) }},
	{name: "write-4", title: "bare write(2), 4 frames a call", dialect: "frames", needs: ours, floor: true, frames: 4,
		command: func(b *built) *exec.Cmd { return exec.Command(b.path("barewrite"), "-frames", "4") }},
	{name: write16, title: "bare write(2), 16 frames a call", dialect: "frames", needs: ours, floor: true, frames: 16,
		command: func(b *built) *exec.Cmd { return exec.Command(b.path("barewrite"), "-frames", "16") }},
	{name: "net", title: "bare net.Conn.Write, 1 frame a call", dialect: "frames", needs: ours, floor: true, frames: 1,
		command: func(b *built) *exec.Cmd { return exec.Command(b.path("barewrite"), "-net") }},
}

// quoted are rows that a run cannot have: the package registries lack what they need.
var quoted = []struct {
	title   string
	figures [5]string // in the order of the scenarios
}{
	{"Node socket.io 4.8.4 (ws)", [5]string{"13.6", "17.4", "44.2", "714", "15.6"}},
	{"Node socket.io 4.8.4 (eiows)", [5]string{"11.5", "16.0", "26.7", "712", "14.6"}},
	{"zishang520/socket.io 3.0.5 (Go)", [5]string{"39.0", "46.9", "71.7", "328", "37.3"}},
	{"Centrifugo 6 (own protocol)", [5]string{"1.97", "17.0", "36.5", "196", "41.0"}},
}

const quotedDate = "2026-11-23"

// Peers are the names of all servers that can be measured.
func Peers() []string {
	names := make([]string, len(peers))
	for i, p := range peers {
		names[i] = p.name
	}
	return names
}

// takesPart reports whether a scenario makes sense for a peer.
func (p *peer) takesPart(s *scenario) bool {
	if s.plan.Polling && p.dialect != "socketio" {
		return false
	}
	return !p.floor || s.floor != "" && p.frames <= s.plan.Window
}

func (b *built) node(script string) *exec.Cmd {
	command := exec.Command("node", script)
	command.Dir = filepath.Join(b.module, "bench", "peers")
	return command
}
