package socketio_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sockeye-im/sockeye/socketio"
)

func TestRooms(t *testing.T) {
	p := newParty(t, socketio.Config{}, 2)
	s := p.sockets[0]
	if got := s.Rooms(); !slices.Equal(got, []string{s.ID()}) {
		t.Errorf("at first %v", got)
	}
	s.Join("a", "b", "a", s.ID())
	s.Join("b")
	if got := sorted(s.Rooms()); !slices.Equal(got, sorted([]string{s.ID(), "a", "b"})) {
		t.Errorf("rooms %v", got)
	}
	s.Leave("a", "a", "none", s.ID()) // one's own room cannot be left
	if got := sorted(s.Rooms()); !slices.Equal(got, sorted([]string{s.ID(), "b"})) {
		t.Errorf("rooms %v", got)
	}
	p.clients[0].drop()
	eventually(t, "the socket leaves", func() bool { return len(socketio.RoomNames(p.nsp)) == 0 })
	s.Join("late")
	if names := socketio.RoomNames(p.nsp); len(names) != 0 {
		t.Errorf("rooms of a socket that left: %v", names)
	}
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

// The bookkeeping of rooms is held against a model under random operations.
func TestRoomsModel(t *testing.T) {
	const sockets = 5
	p := newParty(t, socketio.Config{}, sockets)
	names := strings.Split("a b c d e f g h i j k l m n o p q r s t u v w x y z", " ") // more than are looked at one by one
	rapid.Check(t, func(t *rapid.T) {
		model := make([]map[string]bool, sockets)
		for i := range model {
			model[i] = make(map[string]bool)
			p.sockets[i].Leave(names...)
		}
		selection := func(t *rapid.T) (op socketio.BroadcastOperator, members []int) {
			in := rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID).Draw(t, "in")
			except := rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID).Draw(t, "except")
			for i, rooms := range model {
				inAny := func(list []string) bool { return slices.ContainsFunc(list, func(r string) bool { return rooms[r] }) }
				if (len(in) == 0 || inAny(in)) && !inAny(except) {
					members = append(members, i)
				}
			}
			return p.nsp.To(in...).Except(except...), members
		}
		someRooms := rapid.SliceOf(rapid.SampledFrom(names))
		t.Repeat(map[string]func(*rapid.T){
			"join": func(t *rapid.T) {
				i, rooms := rapid.IntRange(0, sockets-1).Draw(t, "socket"), someRooms.Draw(t, "rooms")
				p.sockets[i].Join(rooms...)
				for _, r := range rooms {
					model[i][r] = true
				}
			},
			"leave": func(t *rapid.T) {
				i, rooms := rapid.IntRange(0, sockets-1).Draw(t, "socket"), someRooms.Draw(t, "rooms")
				p.sockets[i].Leave(rooms...)
				for _, r := range rooms {
					delete(model[i], r)
				}
			},
			"joinAll": func(t *rapid.T) {
				op, members := selection(t)
				room := rapid.SampledFrom(names).Draw(t, "room")
				if err := op.SocketsJoin(room); err != nil {
					t.Fatal(err)
				}
				for _, i := range members {
					model[i][room] = true
				}
			},
			"leaveAll": func(t *rapid.T) {
				op, members := selection(t)
				room := rapid.SampledFrom(names).Draw(t, "room")
				if err := op.SocketsLeave(room); err != nil {
					t.Fatal(err)
				}
				for _, i := range members {
					delete(model[i], room)
				}
			},
			"": func(t *rapid.T) {
				all := make(map[string]bool)
				for i, rooms := range model {
					want := append(slices.Collect(maps.Keys(rooms)), p.sockets[i].ID())
					if got := p.sockets[i].Rooms(); !slices.Equal(sorted(got), sorted(want)) {
						t.Fatalf("socket %d is in %v, want %v", i, got, want)
					}
					maps.Copy(all, rooms)
				}
				if got := socketio.RoomNames(p.nsp); !slices.Equal(got, slices.Sorted(maps.Keys(all))) {
					t.Fatalf("there are the rooms %v, want %v", got, all)
				}
				op, members := selection(t)
				fetched, err := op.FetchSockets(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				var got, want []string
				for _, r := range fetched {
					got = append(got, r.ID)
				}
				for _, i := range members {
					want = append(want, p.sockets[i].ID())
				}
				if !slices.Equal(sorted(got), sorted(want)) {
					t.Fatalf("selected %v, want %v", got, want)
				}
			},
		})
	})
}
