package local
import ("testing";"github.com/openstack-faas/faas/internal/orchestrator")
func TestZZ(t *testing.T) {
	o := open(t, nil)
	defer o.Close()
	for _, im := range []string{"python3","nodejs","python3","nodejs"} {
	if err := o.SetPool(t.Context(), orchestrator.Pool{RuntimeID: "r"+im, Image: im, Size: 1}); err != nil { t.Fatal(err) }
	o.mu.Lock()
	for _, w := range o.workers { 
		pids,_ := w.group.Procs()
		u,_ := w.group.MemoryUsage()
		t.Log(w.language.name, w.warm, len(pids), u, chargedForGood(w.group))
		for _, m := range describeMembers(pids) { t.Logf("   %+v", m) }
	}
	o.mu.Unlock()
	o.DeletePool(t.Context(), "r"+im)
	}
}
