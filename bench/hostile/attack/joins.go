//go:build linux

package attack

import (
	"context"
	"fmt"
	"sync/atomic"
)

// joinsAndLeaves has each attacker join a room and leave it, over and over. The first one makes the rooms and stays.
func joinsAndLeaves(ctx context.Context, a *attacker) error {
	attackers := len(a.tokens)
	sockets, closeAll, err := a.sockets(ctx, attackers)
	if err != nil {
		return err
	}
	defer closeAll()
	for i := 1; i < attackers; i++ {
		if err := sockets[0].ask(fmt.Sprintf(`{"type":"room:create","ref":1,"id":"door-%d","name":"Door"}`, i)); err != nil {
			return err
		}
	}
	told := make(chan error, 1)
	go func() { // whoever stays is told of all of them
		for {
			if _, err := sockets[0].next(); err != nil {
				told <- err
				return
			}
		}
	}()
	if err := sockets[0].SetDeadline(farAway()); err != nil {
		return err
	}
	var turn atomic.Int64
	err = all(attackers-1, func(i int) error {
		s := sockets[i+1]
		for turn.Add(2) <= int64(a.Count) {
			for _, event := range []string{"room:join", "room:leave"} {
				if err := s.ask(fmt.Sprintf(`{"type":%q,"ref":1,"roomId":"door-%d"}`, event, i+1)); err != nil {
					return err
				}
				atomic.AddInt64(&a.outcome.Actions, 1)
			}
		}
		return nil
	})
	select {
	case lost := <-told:
		if err == nil {
			err = fmt.Errorf("whoever stayed was lost: %w", lost)
		}
	default:
	}
	return err
}
