package model_test

import (
	"strconv"
	"time"

	"pgregory.net/rapid"
)

// action is something that can happen.
type action struct {
	name string
	run  func(*rapid.T)
}

// actions are all of them, some several times, as they are to happen more often. The first are those that a failure
// is best shown with.
func (m *machine) actions() (all []action) {
	often := func(times int, name string, run func(*rapid.T)) {
		for range times {
			all = append(all, action{name, run})
		}
	}
	often(5, "room:message", m.sendToRoom)
	often(3, "message:send", m.sendDirect)
	often(2, "send again", m.sendAgain)
	often(1, "system", m.postSystem)
	often(2, "message:edit", m.editMessage)
	often(2, "message:delete", m.deleteMessage)
	often(2, "pin", m.pinMessage)
	often(4, "react", m.react)

	often(2, "room:create", m.createRoom)
	often(4, "room:join", m.joinRoom)
	often(2, "room:leave", m.leaveRoom)
	often(2, "room:update", m.updateRoom)
	often(1, "room:delete", m.deleteRoom)
	often(5, "moderate", m.moderate)
	often(1, "add members", m.addMembers)
	often(2, "look at rooms", m.lookAtRooms)

	often(2, "message:read", m.markRead)
	often(2, "conversation:read", m.markConversation)
	often(1, "conversation:list", m.listConversations)
	often(2, "history", m.history)
	often(1, "thread", m.thread)
	often(1, "message:pins", m.pins)
	often(1, "message:search", m.search)
	often(1, "sync", m.syncAnything)
	often(1, "nonsense", m.nonsense)

	often(2, "connect", m.reconnect)
	often(1, "disconnect", m.depart)
	often(2, "cut off", m.cutOff)
	often(2, "lose events", m.loseEvents)
	often(2, "time passes", m.timePasses)
	often(1, "retention", m.retention)
	often(1, "check", func(t *rapid.T) { m.check(chance(t, "all sync", 4)) })
	often(1, "burst", m.burst)
	often(1, "flood", m.flood)
	return all
}

// actor draws the device that does something.
func (m *machine) actor(t *rapid.T) *device {
	if len(m.online()) == 0 {
		m.connect(m.devices[0]) // somebody must be there
	}
	return pick(t, "device", m.online())
}

// someone draws a user.
func (m *machine) someone(t *rapid.T) string { return pick(t, "user", m.world.people).id }

func (m *machine) reconnect(t *rapid.T) {
	var away []*device
	for _, d := range m.devices {
		if !d.online() {
			away = append(away, d)
		}
	}
	if len(away) == 0 {
		return
	}
	d := pick(t, "device", away)
	if chance(t, "afresh", 4) {
		d.kept = newReplica(d.user.id) // a new installation
	}
	m.connect(d)
}

func (m *machine) depart(t *rapid.T) {
	d := m.actor(t)
	m.note("%s: disconnects", d.label)
	d.disconnect(true)
}

// cutOff makes a device lose its connection in the course of what happens next: nothing of that reaches it, even if it
// is its own.
func (m *machine) cutOff(t *rapid.T) {
	d := m.actor(t)
	m.note("%s: hears nothing any more, and then is cut off", d.label)
	d.deaf = true
	pick(t, "meanwhile", []func(*rapid.T){m.sendToRoom, m.sendDirect, m.react, m.joinRoom, m.leaveRoom, m.moderate, m.markConversation})(t)
}

// loseEvents makes a device miss some of what it will be told.
func (m *machine) loseEvents(t *rapid.T) {
	d := m.actor(t)
	d.lose = 1 + uniform(t, "how many", 3)
	m.note("%s: will miss %d events", d.label, d.lose)
}

func (m *machine) timePasses(t *rapid.T) {
	passed := pick(t, "passed", []time.Duration{
		time.Second, time.Minute, editWindow - time.Second, editWindow, -2 * time.Second, time.Hour, day, 9 * day, 31 * day,
	})
	m.note("%v pass", passed)
	m.pass(passed)
}

func (m *machine) retention(*rapid.T) {
	m.note("what is too old is removed")
	_, err := m.server.chat.Retain(m.ctx(), m.server.now())
	m.must(err)
	m.world.retain()
}

// nonsense is what no client should send. It changes nothing.
func (m *machine) nonsense(t *rapid.T) {
	d := m.actor(t)
	if chance(t, "unknown command", 4) {
		m.do(d, "room:explode", nil, unknownCommand, nil)
		return
	}
	name := pick(t, "command", []string{
		"room:create", "room:join", "room:leave", "room:update", "room:delete", "room:invite", "room:kick", "room:ban",
		"room:unban", "room:promote", "room:demote", "room:message", "message:send", "message:edit", "message:delete",
		"message:pin", "message:unpin", "reaction:add", "reaction:remove", "message:read", "conversation:read", "history",
		"thread", "sync", "message:pins", "message:search", "room:get", "room:members", "room:bans", "room:search",
	})
	m.do(d, name, map[string]any{}, missingFields, nil)
}

// clientMsgID is one that nobody has used in the sequence.
func (m *machine) clientMsgID() string {
	return m.server.prefix + "/" + strconv.Itoa(len(m.world.said))
}
