package model_test

import (
	"maps"
	"slices"
	"strings"
)

// getRoom asks for a room, which who is not in it sees without its lists, if at all.
func (m *machine) getRoom(d *device, roomID string) {
	m.Helper()
	c := m.world.rooms[roomID]
	code := ""
	switch {
	case c == nil:
		code = roomNotFound
	case !c.has(d.user.id) && c.room.Type != "public" && !c.invited[d.user.id]:
		code = notInRoom
	}
	var answer struct {
		Room room `json:"room"`
	}
	if m.do(d, "room:get", map[string]any{"roomId": roomID}, code, &answer) {
		same(m, d.label+": room", c.view(c.has(d.user.id)), answer.Room.sorted())
	}
}

// listMembers walks through the members of a room.
func (m *machine) listMembers(d *device, roomID string, limit int) {
	m.Helper()
	c := m.world.rooms[roomID]
	code := ""
	switch {
	case c == nil:
		code = roomNotFound
	case !c.has(d.user.id):
		code = notInRoom
	}
	payload := map[string]any{"roomId": roomID, "limit": limit}
	var got []memberEntry
	for {
		var answer struct {
			Members []memberEntry `json:"members"`
			Next    string        `json:"next"`
		}
		if !m.do(d, "room:members", payload, code, &answer) {
			return
		}
		got = append(got, answer.Members...)
		if answer.Next == "" {
			break
		}
		same(m, d.label+": length of a page", limit, len(answer.Members))
		payload["after"] = answer.Next
	}
	var want []memberEntry
	for _, one := range c.members {
		role := "member"
		if one.admin {
			role = "admin"
		}
		want = append(want, memberEntry{UserID: one.user, Username: m.world.nameOf(one.user), Role: role, JoinedAt: one.joined})
	}
	slices.SortFunc(want, func(a, b memberEntry) int { return compare(a.UserID, b.UserID) })
	same(m, d.label+": members", want, got)
}

// listBans walks through those banned from a room.
func (m *machine) listBans(d *device, roomID string, limit int) {
	m.Helper()
	c := m.world.rooms[roomID]
	payload := map[string]any{"roomId": roomID, "limit": limit}
	var got []string
	for {
		var answer struct {
			Users []struct {
				UserID   string `json:"userId"`
				Username string `json:"username"`
			} `json:"users"`
			Next string `json:"next"`
		}
		if !m.do(d, "room:bans", payload, m.world.mayAdminister(c, d.user.id), &answer) {
			return
		}
		for _, u := range answer.Users {
			same(m, d.label+": name of a banned user", m.world.nameOf(u.UserID), u.Username)
			got = append(got, u.UserID)
		}
		if answer.Next == "" {
			break
		}
		same(m, d.label+": length of a page", limit, len(answer.Users))
		payload["after"] = answer.Next
	}
	same(m, d.label+": banned", slices.Sorted(maps.Keys(c.banned)), got)
}

// listRooms walks through the rooms of a list. Of the public ones it looks at those of the sequence.
func (m *machine) listRooms(d *device, filter string, limit int) {
	m.Helper()
	payload := map[string]any{"limit": limit}
	if filter == "" {
		payload["after"], payload["limit"] = m.server.prefix, 100
	} else {
		payload[filter] = true
	}
	got := []room{}
	for {
		var answer struct {
			Rooms []room `json:"rooms"`
			Next  string `json:"next"`
		}
		m.do(d, "room:list", payload, "", &answer)
		got = append(got, answer.Rooms...)
		if answer.Next == "" || filter == "" {
			break
		}
		same(m, d.label+": length of a page", limit, len(answer.Rooms))
		payload["after"] = answer.Next
	}
	same(m, d.label+": rooms "+filter, m.roomsWhere(func(c *conversation) bool {
		switch filter {
		case "mine":
			return c.has(d.user.id)
		case "invited":
			return c.invited[d.user.id]
		}
		return c.room.Type == "public"
	}), got)
}

// searchRooms looks for a word, together with what all rooms of the sequence have in their names.
func (m *machine) searchRooms(d *device, word string) {
	m.Helper()
	var answer struct {
		Rooms []room `json:"rooms"`
	}
	query := word + " " + m.server.prefix
	m.do(d, "room:search", map[string]any{"query": query, "limit": 100}, "", &answer)
	same(m, d.label+": found rooms", m.roomsWhere(func(c *conversation) bool {
		return c.room.Type == "public" && strings.Contains(strings.ToLower(c.room.Name+"\n"+c.room.Description), strings.ToLower(query))
	}), append([]room{}, answer.Rooms...))
}

// roomsWhere are rooms as lists show them, by their ids.
func (m *machine) roomsWhere(in func(*conversation) bool) []room {
	rooms := []room{}
	for _, c := range m.world.logs {
		if c.roomID != "" && !c.over && in(c) {
			rooms = append(rooms, c.view(false))
		}
	}
	slices.SortFunc(rooms, func(a, b room) int { return compare(a.ID, b.ID) })
	return rooms
}

// listAll walks through the conversations of a user.
func (m *machine) listAll(d *device, limit int) {
	m.Helper()
	payload := map[string]any{"limit": limit}
	got := []summary{}
	for {
		var answer struct {
			Conversations []summary `json:"conversations"`
			Next          string    `json:"next"`
		}
		m.do(d, "conversation:list", payload, "", &answer)
		got = append(got, answer.Conversations...)
		if answer.Next == "" {
			break
		}
		same(m, d.label+": length of a page", limit, len(answer.Conversations))
		payload["after"] = answer.Next
	}
	want := []summary{}
	for _, c := range m.world.of(d.user.id) {
		want = append(want, m.world.summary(c, d.user.id))
	}
	same(m, d.label+": conversations", want, got)
}

// readHistory walks through all of a conversation, in one direction or the other.
func (m *machine) readHistory(d *device, c *conversation, limit int, forward bool) {
	m.Helper()
	payload := map[string]any{"conversationId": c.id, "limit": limit}
	got := []message{}
	if forward {
		if len(c.messages) == 0 {
			return
		}
		payload["after"] = c.messages[0].ID
		got = append(got, c.messages[0].message) // nothing comes before the first
	}
	for more := true; more; {
		var p page
		m.do(d, "history", payload, "", &p)
		more = p.More
		if more {
			same(m, d.label+": length of a page", limit, len(p.Messages))
		}
		switch {
		case forward:
			got = append(got, p.Messages...)
			payload["after"] = got[len(got)-1].ID
		default:
			got = append(append([]message{}, p.Messages...), got...)
			if more {
				payload["before"] = got[0].ID
			}
		}
	}
	same(m, d.label+": history of "+c.id, plain(c.messages), got)
}
