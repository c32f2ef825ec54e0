//go:build linux

package crowd

import (
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/sockeye-im/sockeye/bench/process"
)

// Room is the id of the room that messages go to. Of the whole server's it has to be made, with its members.
const Room = room

// partner is who a connection writes to: they are two by two.
func partner(number int) int { return number ^ 1 }

// sockeye is for the whole server, or a cluster: each connection is of another user, every message has an id of its own and
// is acknowledged once it is stored.
func sockeye(plan Plan, tokens []string) *dialect {
	content := plan.content()
	d := socketIO(content)
	d.as = func(number int) role {
		as := socketIOSpeech{}.role(tokens[number])
		as.steps = append(as.steps, subscribed(process.UserID(number)))
		if number < plan.Connections {
			as = plan.receiver(as, number)
		}
		return as
	}
	d.event = `42["room:message",`
	// Ids that no message of before has: it would be that message again.
	run, n := strings.ToLower(rand.Text()[:5]), 0
	d.fresh = func() []byte {
		n++
		return clientFrame(fmt.Sprintf(`420["room:message",{"roomId":"%s","content":"%s","clientMsgId":"%s-%012d"}]`, Room, content, run, n))
	}
	d.direct = func(number int) []byte {
		n++
		return clientFrame(fmt.Sprintf(`420["message:send",{"recipientId":"%s","content":"%s","clientMsgId":"%s-%012d"}]`,
			process.UserID(partner(number)), content, run, n))
	}
	return d
}

// receiver is a role as the plan has receivers come in.
func (p *Plan) receiver(as role, number int) role {
	servers := 1 + len(p.Others)
	as.server = number % servers
	switch p.Sessions {
	case Here:
		as.opens = opens{true, as.server}
	case Elsewhere:
		as.opens = opens{true, (as.server + 1) % servers}
	}
	if p.Polling {
		return pollingOf(as)
	}
	if as.opens.apart {
		moves := []step{as.steps[0], {send: "2probe", expect: "3probe"}, {send: "5"}}
		as.steps = append(moves, as.steps[1:]...)
	}
	return as
}

// subscribed has a client ask something. The server puts a device into its rooms behind the packet that lets it in, and what is
// written to them meanwhile it tells as how far they go. Once the device is there, the server answers what it asked.
func subscribed(user string) step {
	return step{send: `420["presence:get",{"userId":"` + user + `"}]`, expect: "430[", before: "42["}
}
