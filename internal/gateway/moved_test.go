package gateway_test

import "testing"

// A device that comes back to another server goes on with its session, is sent what it missed, and is where it was.
func TestRecoveryAtAnotherServer(t *testing.T) {
	if testing.Short() {
		t.Skip("PostgreSQL and three servers")
	}
	nodes := serveCluster(t, 3, false)
	x, y, z := nodes[0], nodes[1], nodes[2]
	ada, bob := x.device("ada"), x.device("bob")
	x.hall(ada, bob)
	bob.must("notification:subscribe", `{"topics":["menu"]}`)
	x.lose(bob)
	for _, n := range []*twin{y, z, x, y} {
		before := bob
		lost := before.unheard() // though nobody has noticed: what comes there is not heard any more
		missed := ada.must("room:message", `{"roomId":"hall","content":"missed"}`)
		bob = n.recover(lost, n.token("bob"))
		if bob.sid != before.sid || bob.pid != before.pid {
			t.Fatalf("not recovered at %s", n.id)
		}
		if m := bob.message("room:message"); m.ID != missed.ID {
			t.Errorf("%s tells %+v", n.id, m)
		}
		later := ada.must("room:message", `{"roomId":"hall","content":"later"}`)
		if m := bob.message("room:message"); m.ID != later.ID {
			t.Errorf("%s tells %+v", n.id, m)
		}
		direct := ada.must("message:send", `{"recipientId":"bob","content":"to you"}`)
		if m := bob.message("message:received"); m.ID != direct.ID {
			t.Errorf("%s tells %+v", n.id, m)
		}
		x.notify([]string{"menu"}, nil, map[string]string{"title": "Lunch"})
		var got struct{ Title string }
		if bob.event("notification", &got); got.Title != "Lunch" {
			t.Errorf("%s tells %+v", n.id, got)
		}
	}
	eve := z.recover(bob, z.token("eve"))
	if eve.sid == bob.sid {
		t.Error("eve has bob's id")
	}
	ada.must("message:send", `{"recipientId":"bob","content":"for bob alone"}`)
	z.told()
	eve.quiet(z.node, "another user")
}

// unheard is a device as it is now, for who comes back to go on from here.
func (d *device) unheard() *device {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &device{pid: d.pid, offset: d.offset}
}
