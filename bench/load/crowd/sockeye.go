//go:build linux

package crowd

import (
	"fmt"

	"github.com/sockeye-im/sockeye/bench/process"
)

// Room is the id of the room that messages go to. Of the whole server's it has to be made, with its members.
const Room = room

// partner is who a connection writes to: they are two by two.
func partner(number int) int { return number ^ 1 }

// sockeye is for the whole server: each connection is of another user, every message has an id of its own and is
// acknowledged once it is stored.
func sockeye(content string, tokens []string) *dialect {
	d := socketIO(content)
	d.as = func(number int) role { return socketIOSpeech{}.role(tokens[number]) }
	d.event = `42["room:message",`
	var n int
	d.fresh = func() []byte {
		n++
		return clientFrame(fmt.Sprintf(`420["room:message",{"roomId":"%s","content":"%s","clientMsgId":"bench-%012d"}]`, Room, content, n))
	}
	d.direct = func(number int) []byte {
		n++
		return clientFrame(fmt.Sprintf(`420["message:send",{"recipientId":"%s","content":"%s","clientMsgId":"bench-%012d"}]`,
			process.UserID(partner(number)), content, n))
	}
	return d
}
