package local

import "testing"

func TestUsersAreLentOnce(t *testing.T) {
	users := newUserPool(Users{First: 300, Last: 309}, 7)
	lent := map[int]bool{}
	for range 10 {
		uid, err := users.take()
		if err != nil || uid < 300 || uid > 309 || lent[uid] {
			t.Fatalf("was lent %d, %v; before: %v", uid, err, lent)
		}
		lent[uid] = true
	}
	if uid, err := users.take(); err == nil {
		t.Errorf("an eleventh of ten was lent: %d", uid)
	}
	users.giveBack(303)
	if uid, err := users.take(); err != nil || uid != 303 {
		t.Errorf("the one that was given back: %d, %v", uid, err)
	}
}

func TestUsersGoRound(t *testing.T) {
	users := newUserPool(Users{First: 300, Last: 309}, 0)
	first, _ := users.take()
	users.giveBack(first)
	if second, _ := users.take(); second == first {
		t.Error("an id is lent again at once, while a file of its last worker may still be about")
	}
}
