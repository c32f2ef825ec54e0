package model_test

import (
	"context"
	"slices"

	"pgregory.net/rapid"

	"github.com/sockeye-im/sockeye/internal/chat"
	refusals "github.com/sockeye-im/sockeye/internal/refusal"
)

func (m *machine) ctx() context.Context { return context.Background() }

// roomID draws a room's id, of a room that is as wanted if there is one.
func (m *machine) roomID(t *rapid.T, wanted func(*conversation) bool) string {
	var good []string
	anything := []string{m.server.prefix + "-none"}
	for _, c := range m.world.logs {
		if c.over || c.roomID == "" {
			continue
		}
		anything = append(anything, c.roomID)
		if wanted(c) {
			good = append(good, c.roomID)
		}
	}
	return prefer(t, "room", good, anything)
}

// with, without and ruledBy are rooms by what a user is there.
func with(user string) func(*conversation) bool {
	return func(c *conversation) bool { return c.has(user) }
}

func without(user string) func(*conversation) bool {
	return func(c *conversation) bool { return !c.has(user) }
}

func ruledBy(user string) func(*conversation) bool {
	return func(c *conversation) bool { return c.admin(user) }
}

func (m *machine) createRoom(t *rapid.T) {
	d := m.actor(t)
	payload := map[string]any{"name": "room " + m.server.prefix}
	if !chance(t, "id by the server", 3) {
		payload["id"] = pick(t, "id", m.roomIDs())
	}
	code := ""
	switch uniform(t, "kind", 10) {
	case 1, 2, 3:
		payload["type"] = "private"
	case 4, 5:
		payload["type"] = "direct"
	case 6:
		payload["type"], code = "secret", invalidField
	case 7:
		payload["maxMembers"], code = -1, limitExceeded
	case 8, 9:
		payload["maxMembers"] = 1 + uniform(t, "maxMembers", 3)
	}
	m.makeRoom(d, payload, code)
}

func (m *machine) makeRoom(d *device, payload map[string]any, code string) {
	m.Helper()
	as := room{
		Name: payload["name"].(string), Type: "public", MaxMembers: 100, CreatedBy: d.user.id, CreatedAt: m.world.now,
		Settings: settings{AllowFileUpload: true, AllowVoiceMessage: true, MessageRetention: 0},
	}
	if id, ok := payload["id"].(string); ok {
		as.ID = id
		if code == "" && m.world.rooms[id] != nil {
			code = roomExists
		}
	}
	if kind, ok := payload["type"].(string); ok {
		as.Type = kind
	}
	if most, ok := payload["maxMembers"].(int); ok {
		as.MaxMembers = most
	}
	var answer struct {
		Room room `json:"room"`
	}
	if !m.do(d, "room:create", payload, code, &answer) {
		return
	}
	if as.ID == "" {
		as.ID = answer.Room.ID
	}
	as.ConversationID = answer.Room.ConversationID
	m.world.createRoom(as, d)
	same(m, d.label+": created room", m.world.rooms[as.ID].view(true), answer.Room.sorted())
	m.hear(d, func(r *replica) { r.lost = true }) // its seq is not told
}

// hear lets a device conclude something from an answer, unless it has not heard it.
func (m *machine) hear(d *device, conclude func(*replica)) {
	if !d.deaf {
		conclude(d.kept)
	}
}

func (m *machine) joinRoom(t *rapid.T) {
	d := m.actor(t)
	m.enter(d, m.roomID(t, without(d.user.id)))
}

func (m *machine) enter(d *device, roomID string) {
	m.Helper()
	c := m.world.rooms[roomID]
	var answer struct {
		Room     room      `json:"room"`
		Messages []message `json:"messages"`
	}
	d.shown = nil
	if !m.do(d, "room:join", map[string]any{"roomId": roomID}, m.world.mayJoin(c, d.user.id), &answer) {
		return
	}
	m.world.join(c, d.user.id, d)
	same(m, d.label+": joined room", c.view(true), answer.Room.sorted())
	last := plain(c.messages[max(0, len(c.messages)-50):])
	same(m, d.label+": messages of the joined room", last, answer.Messages)
	m.must(d.ping())
	same(m, d.label+": room:messages", last, append([]message{}, d.shown...))
	m.hear(d, func(r *replica) { r.lost = true }) // its seq is not told
}

func (m *machine) leaveRoom(t *rapid.T) {
	d := m.actor(t)
	roomID := m.roomID(t, with(d.user.id))
	c := m.world.rooms[roomID]
	code := ""
	if c == nil {
		code = roomNotFound
	}
	if !m.do(d, "room:leave", map[string]any{"roomId": roomID}, code, nil) {
		return
	}
	m.world.leave(c, d.user.id, d)
	m.hear(d, func(r *replica) {
		if k := r.byRoom(roomID); k != nil {
			r.forget(k)
		}
	})
}

func (m *machine) updateRoom(t *rapid.T) {
	d := m.ruler(t)
	roomID := m.roomID(t, ruledBy(d.user.id))
	c := m.world.rooms[roomID]
	payload := map[string]any{"roomId": roomID}
	var to room
	if c != nil {
		to = c.room
	}
	wrong, low := "", false
	switch uniform(t, "what", 10) {
	case 0:
		to.Name = pick(t, "name", []string{"one ", "two "}) + m.server.prefix
		payload["name"] = to.Name
	case 1:
		to.Description = pick(t, "description", []string{"", "quiet"})
		payload["description"] = to.Description
	case 2, 3:
		to.Type = pick(t, "type", []string{"public", "private", "direct"})
		payload["type"] = to.Type
	case 4:
		to.MaxMembers = 1 + uniform(t, "maxMembers", 4)
		payload["maxMembers"] = to.MaxMembers
		low = c != nil && to.MaxMembers < len(c.members)
	case 5:
		to.Settings.AllowFileUpload = chance(t, "allowFileUpload", 2)
		payload["settings"] = map[string]any{"allowFileUpload": to.Settings.AllowFileUpload}
	case 6:
		to.Settings.AllowVoiceMessage = chance(t, "allowVoiceMessage", 2)
		payload["settings"] = map[string]any{"allowVoiceMessage": to.Settings.AllowVoiceMessage}
	case 7, 8:
		to.Settings.MessageRetention = pick(t, "messageRetention", []int{0, 1, 30})
		payload["settings"] = map[string]any{"messageRetention": to.Settings.MessageRetention}
	case 9:
		payload["name"], wrong = "", missingFields
	}
	code := wrong
	if code == "" {
		code = m.world.mayAdminister(c, d.user.id)
	}
	if code == "" && low {
		code = limitExceeded
	}
	var answer struct {
		Room room `json:"room"`
	}
	if m.do(d, "room:update", payload, code, &answer) {
		m.world.update(c, to, d.user.id)
		same(m, d.label+": updated room", c.view(true), answer.Room.sorted())
	}
}

func (m *machine) deleteRoom(t *rapid.T) {
	d := m.ruler(t)
	roomID := m.roomID(t, ruledBy(d.user.id))
	c := m.world.rooms[roomID]
	if m.do(d, "room:delete", map[string]any{"roomId": roomID}, m.world.mayAdminister(c, d.user.id), nil) {
		m.world.deleteRoom(c, d.user.id)
	}
}

// ruler draws a device, of an admin of some room if one is there.
func (m *machine) ruler(t *rapid.T) *device {
	anybody := m.actor(t)
	var rulers []*device
	for _, d := range m.online() {
		if slices.ContainsFunc(m.world.logs, func(c *conversation) bool { return !c.over && c.admin(d.user.id) }) {
			rulers = append(rulers, d)
		}
	}
	return prefer(t, "ruler", rulers, []*device{anybody})
}

func (m *machine) moderate(t *rapid.T) {
	d := m.ruler(t)
	name := pick(t, "command", []string{
		"room:promote", "room:invite", "room:kick", "room:ban", "room:unban", "room:demote", "room:invite", "room:promote",
	})
	roomID := m.roomID(t, ruledBy(d.user.id))
	c := m.world.rooms[roomID]
	user := m.target(t, c, name)
	payload := map[string]any{"roomId": roomID, "userId": user}
	if m.do(d, name, payload, m.world.mayModerate(c, name, d.user.id, user), nil) {
		m.world.moderate(c, name, d.user.id, user)
	}
}

// target draws a user to whom the command makes a difference, if there is one.
func (m *machine) target(t *rapid.T, c *conversation, name string) string {
	var good, anybody []string
	for _, p := range m.world.people {
		anybody = append(anybody, p.id)
		if c == nil {
			continue
		}
		apt := c.has(p.id)
		switch name {
		case "room:invite":
			apt = !c.has(p.id) && !c.banned[p.id]
		case "room:unban":
			apt = c.banned[p.id]
		case "room:promote":
			apt = c.has(p.id) && !c.admin(p.id)
		case "room:demote":
			apt = c.admin(p.id)
		}
		if apt {
			good = append(good, p.id)
		}
	}
	return prefer(t, "user", good, anybody)
}

// addMembers is what the app's own backend does.
func (m *machine) addMembers(t *rapid.T) {
	roomID := m.roomID(t, func(c *conversation) bool { return len(c.members) < len(m.world.people) })
	users := []string{m.someone(t), m.someone(t)}
	c := m.world.rooms[roomID]
	ids := []chat.UserID{chat.UserID(users[0]), chat.UserID(users[1])}
	added, err := m.server.chat.AddMembers(m.ctx(), chat.Actor{ID: "backend", Name: "Backend"}, roomID, ids)
	m.note("backend: adds %s to %s", joined(users), roomID)
	code := m.world.mayAdd(c, users)
	same(m, "adding members", orOK(code), outcome(err))
	if err != nil {
		return
	}
	got := []string{}
	for _, user := range added {
		got = append(got, string(user))
	}
	same(m, "added members", m.world.add(c, users), got)
}

// outcome is the code of a refusal, or ok.
func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	return string(refusals.Public(err, "").Code)
}

// lookAtRooms asks for a room, its members, its bans, lists of rooms, or searches them.
func (m *machine) lookAtRooms(t *rapid.T) {
	d := m.actor(t)
	switch uniform(t, "at what", 5) {
	case 0:
		m.getRoom(d, m.roomID(t, with(d.user.id)))
	case 1:
		m.listMembers(d, m.roomID(t, with(d.user.id)), 1+uniform(t, "limit", 3))
	case 2:
		m.listBans(d, m.roomID(t, with(d.user.id)), 1+uniform(t, "limit", 3))
	case 3:
		m.listRooms(d, pick(t, "filter", []string{"", "mine", "invited"}), 1+uniform(t, "limit", 3))
	case 4:
		m.searchRooms(d, pick(t, "word", []string{"FIRST", "room", "one", "quiet"}))
	}
}
