package model_test

import (
	"slices"
)

// The codes of docs/protocol.md that the reference knows; "" is no refusal.
const (
	missingFields        = "missing_fields"
	invalidField         = "invalid_field"
	limitExceeded        = "limit_exceeded"
	clientMsgIDReused    = "client_msg_id_reused"
	messageNotFound      = "message_not_found"
	fileNotFound         = "file_not_found"
	conversationNotFound = "conversation_not_found"
	roomNotFound         = "room_not_found"
	roomExists           = "room_exists"
	roomFull             = "room_full"
	banned               = "banned"
	privateRoom          = "private_room"
	joinNotPermitted     = "join_not_permitted"
	notInRoom            = "not_in_room"
	userNotInRoom        = "user_not_in_room"
	notAdmin             = "not_admin"
	lastAdmin            = "last_admin"
	notOwnMessage        = "not_own_message"
	editWindowExceeded   = "edit_window_exceeded"
	deleteNotPermitted   = "delete_not_permitted"
	pinNotPermitted      = "pin_not_permitted"
	uploadsNotAllowed    = "uploads_not_allowed"
	voiceNotAllowed      = "voice_not_allowed"
	unknownCommand       = "unknown_command"
)

// createRoom makes a room whose first member and admin is its creator.
func (w *world) createRoom(as room, by *device) {
	c := &conversation{
		id: as.ConversationID, roomID: as.ID, room: as, first: 1, lastAt: w.now,
		banned: make(map[string]bool), kicked: make(map[string]bool), invited: make(map[string]bool), marks: make(map[string]int64),
	}
	w.logs = append(w.logs, c)
	w.rooms[c.roomID] = c
	w.join(c, as.CreatedBy, by)
}

func (w *world) mayJoin(c *conversation, user string) string {
	switch {
	case c == nil:
		return roomNotFound
	case c.has(user):
		return ""
	case c.banned[user]:
		return banned
	case c.room.Type == "private" && !c.invited[user]:
		return privateRoom
	case c.room.Type == "direct" && !c.invited[user]:
		return joinNotPermitted
	case len(c.members) >= c.room.MaxMembers:
		return roomFull
	}
	return ""
}

// join makes a user a member, of an empty room the admin.
func (w *world) join(c *conversation, user string, by *device) {
	if c.has(user) {
		return
	}
	m := &member{user: user, admin: len(c.members) == 0}
	w.enter(c, m)
	e := w.record(c, &entry{fact: fact{Name: "room:user_joined", Room: c.roomID, User: user, Username: w.nameOf(user)}}, nil, by)
	m.seq, m.joined, c.marks[user] = e.Seq, e.At, e.Seq
}

func (w *world) enter(c *conversation, m *member) {
	c.members = append(c.members, m)
	delete(c.invited, m.user)
	delete(c.kicked, m.user)
}

// add makes those of the users members who are neither members nor banned. It is all or nobody.
func (w *world) mayAdd(c *conversation, users []string) string {
	switch {
	case c == nil:
		return roomNotFound
	case len(c.members)+len(c.newcomers(users)) > max(c.room.MaxMembers, len(c.members)):
		return roomFull
	}
	return ""
}

func (c *conversation) newcomers(users []string) []string {
	list := slices.DeleteFunc(sortedCopy(users), func(u string) bool { return c.has(u) || c.banned[u] })
	return slices.Compact(list)
}

func (w *world) add(c *conversation, users []string) []string {
	added := c.newcomers(users)
	if len(added) == 0 {
		return added
	}
	empty := len(c.members) == 0
	for _, user := range added {
		w.enter(c, &member{user: user})
	}
	e := w.record(c, &entry{added: added, fact: fact{
		Name: "room:members_added", Room: c.roomID, Count: len(added), Users: joined(added),
	}}, nil, nil)
	for _, user := range added {
		m := c.member(user)
		m.seq, m.joined, c.marks[user] = e.Seq, e.At, e.Seq
	}
	if empty {
		w.setRole(c, added[0], true)
	}
	return added
}

// leave ends a membership by one's own wish.
func (w *world) leave(c *conversation, user string, by *device) {
	was := c.member(user)
	if was == nil {
		return
	}
	w.expel(c, user, "", "", by)
	switch {
	case len(c.members) == 0 && c.room.Type == "direct":
		w.end(c)
	case len(c.members) > 0 && was.admin && !slices.ContainsFunc(c.members, func(m *member) bool { return m.admin }):
		oldest := slices.MinFunc(c.members, func(a, b *member) int {
			if a.seq != b.seq {
				return int(a.seq - b.seq)
			}
			return compare(a.user, b.user) // added at once
		})
		w.setRole(c, oldest.user, true)
	}
}

// expel removes a member, who is told too.
func (w *world) expel(c *conversation, user, reason, by string, but *device) {
	c.members = slices.DeleteFunc(c.members, func(m *member) bool { return m.user == user })
	w.record(c, &entry{fact: fact{
		Name: "room:user_left", Room: c.roomID, User: user, Username: w.nameOf(user), Reason: reason, By: by,
	}}, []string{user}, but)
}

func (w *world) setRole(c *conversation, user string, admin bool) {
	role := "member"
	if admin {
		role = "admin"
	}
	c.member(user).admin = admin
	w.record(c, &entry{fact: fact{Name: "room:role", Room: c.roomID, User: user, Username: w.nameOf(user), Role: role}}, nil, nil)
}

// end makes a room go, with all that was said in it.
func (w *world) end(c *conversation) {
	c.over, c.members = true, nil
	delete(w.rooms, c.roomID)
}

// mayAdminister is what all commands of admins ask first.
func (w *world) mayAdminister(c *conversation, user string) string {
	switch {
	case c == nil:
		return roomNotFound
	case !c.has(user):
		return notInRoom
	case !c.admin(user):
		return notAdmin
	}
	return ""
}

func (w *world) deleteRoom(c *conversation, by string) {
	w.record(c, &entry{fact: fact{Name: "room:deleted", Room: c.roomID, By: by}}, nil, nil)
	w.end(c)
}

// update changes a room; what is so already is no change.
func (w *world) update(c *conversation, to room, by string) {
	if to.sorted().equal(c.room) {
		return
	}
	c.room = to
	w.record(c, &entry{fact: fact{Name: "room:updated", Room: c.roomID, By: by}}, nil, nil)
}

func (r room) equal(other room) bool {
	return r.Name == other.Name && r.Description == other.Description && r.Type == other.Type &&
		r.MaxMembers == other.MaxMembers && r.Settings == other.Settings
}

// mayModerate is about a command of an admin about a user.
func (w *world) mayModerate(c *conversation, command, by, user string) string {
	if by == user && command != "room:promote" && command != "room:demote" {
		return invalidField
	}
	if code := w.mayAdminister(c, by); code != "" {
		return code
	}
	target := c.member(user)
	switch command {
	case "room:invite":
		if target == nil && !c.invited[user] && c.banned[user] {
			return banned
		}
	case "room:kick":
		if target == nil && !c.kicked[user] {
			return userNotInRoom
		}
	case "room:promote", "room:demote":
		if target == nil {
			return userNotInRoom
		}
		admins := 0
		for _, m := range c.members {
			if m.admin {
				admins++
			}
		}
		if command == "room:demote" && target.admin && admins == 1 {
			return lastAdmin
		}
	}
	return ""
}

// moderate carries the command out.
func (w *world) moderate(c *conversation, command, by, user string) {
	target := c.member(user)
	switch command {
	case "room:invite":
		if target == nil && !c.invited[user] {
			c.invited[user] = true
			w.tell([]string{user}, nil, fact{
				Name: "room:invited", Conversation: c.id, At: w.now, Room: c.roomID, User: user, Username: w.nameOf(user), By: by,
			})
		}
	case "room:kick":
		if target != nil {
			c.kicked[user] = true
			w.expel(c, user, "kicked", by, nil)
		}
	case "room:ban":
		w.ban(c, by, user)
	case "room:unban":
		if c.banned[user] {
			delete(c.banned, user)
			w.record(c, &entry{fact: fact{
				Name: "room:user_unbanned", Room: c.roomID, User: user, Username: w.nameOf(user), By: by,
			}}, []string{user}, nil)
		}
	case "room:promote", "room:demote":
		if admin := command == "room:promote"; target.admin != admin {
			w.setRole(c, user, admin)
		}
	}
}

func (w *world) ban(c *conversation, by, user string) {
	if c.banned[user] {
		return
	}
	c.banned[user] = true
	delete(c.invited, user)
	delete(c.kicked, user)
	if c.has(user) {
		w.expel(c, user, "banned", by, nil)
		return
	}
	w.record(c, &entry{fact: fact{
		Name: "room:user_banned", Room: c.roomID, User: user, Username: w.nameOf(user), By: by,
	}}, []string{user}, nil)
}

// view is the room as a user sees it: without its lists in lists of rooms, and for who is no member.
func (c *conversation) view(lists bool) room {
	r := c.room
	r.MemberCount = len(c.members)
	if !lists {
		return r
	}
	r.Members, r.Admins, r.Banned = []string{}, []string{}, []string{}
	for _, m := range c.members {
		r.Members = append(r.Members, m.user)
		if m.admin {
			r.Admins = append(r.Admins, m.user)
		}
	}
	for user := range c.banned {
		r.Banned = append(r.Banned, user)
	}
	return r.sorted()
}
