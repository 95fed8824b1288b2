package local

import (
	"errors"
	"sync"
)

// userPool lends each worker a user id that no other living worker has, so that the kernel keeps
// them apart: no signals, no ptrace, no files of each other's. It goes round the range before it
// lends an id again.
type userPool struct {
	mu    sync.Mutex
	users Users
	next  int
	lent  map[int]bool
}

// newUserPool starts at an id that the seed selects: two services of one machine with the same
// range then hardly ever lend the same id at the same time.
func newUserPool(users Users, seed uint32) *userPool {
	size := users.Last - users.First + 1
	return &userPool{users: users, next: users.First + int(seed)%size, lent: map[int]bool{}}
}

func (p *userPool) take() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range p.users.Last - p.users.First + 1 {
		uid := p.next
		if p.next++; p.next > p.users.Last {
			p.next = p.users.First
		}
		if !p.lent[uid] {
			p.lent[uid] = true
			return uid, nil
		}
	}
	return 0, errors.New("every user id of the range is in use by a worker")
}

func (p *userPool) giveBack(uid int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.lent, uid)
}
