package agent_test
import ("testing";"time";"encoding/json";"sort";"github.com/openstack-faas/faas/internal/faas";"os";"strconv";"strings";"path/filepath")
func TestTmpSplit(t *testing.T) {
	var a, b, d []float64
	for i := 0; i < 20; i++ {
		r := begin(t, "python3", withGroup(t, 512<<20))
		time.Sleep(50*time.Millisecond)
		w := dial(t, r.said.Address)
		req, body := specialisation(t, echo["python3"].zip(t), "main.main"), callBody(t)
		t0 := time.Now(); w.post(t, "/v1/specialise", req); t1 := time.Now(); ans := w.post(t, "/v1/call", body); t2 := time.Now()
		var o faas.Outcome; json.Unmarshal(ans, &o)
		a = append(a, t1.Sub(t0).Seconds()*1000); b = append(b, t2.Sub(t1).Seconds()*1000); d = append(d, o.Duration.Seconds()*1000)
		if i < 19 { w.Close(); r.stop(); continue }
		// memory
		pids := []string{strconv.Itoa(r.command.Process.Pid)}
		for j := 0; j < len(pids); j++ { m, _ := filepath.Glob("/proc/"+pids[j]+"/task/*/children"); for _, f := range m { c, _ := os.ReadFile(f); pids = append(pids, strings.Fields(string(c))...) } }
		for _, p := range pids { s, _ := os.ReadFile("/proc/"+p+"/smaps_rollup"); for _, l := range strings.Split(string(s), "\n") { if strings.HasPrefix(l, "Pss") || strings.HasPrefix(l, "Rss") { t.Log(p, l) } } }
	}
	for _, x := range [][]float64{a,b,d} { sort.Float64s(x); t.Log(x[10], x[19], x[0]) }
}
func TestTmpMem(t *testing.T) {
	for _, lang := range []string{"python3","nodejs"} {
	var rs []*running
	for i := 0; i < 5; i++ { rs = append(rs, begin(t, lang, withGroup(t, 512<<20))) }
	r := rs[2]
	pids := []string{strconv.Itoa(r.command.Process.Pid)}
	for j := 0; j < len(pids); j++ { m, _ := filepath.Glob("/proc/"+pids[j]+"/task/*/children"); for _, f := range m { c, _ := os.ReadFile(f); pids = append(pids, strings.Fields(string(c))...) } }
	tot := 0
	for _, p := range pids { s, _ := os.ReadFile("/proc/"+p+"/smaps_rollup"); var line []string; for _, l := range strings.Split(string(s), "\n") { f := strings.Fields(l); if len(f)>1 && strings.HasPrefix(l, "Pss") { line = append(line, f[0]+f[1]) ; if f[0]=="Pss:" { n,_ := strconv.Atoi(f[1]); tot += n } } }; c,_ := os.ReadFile("/proc/"+p+"/comm"); t.Log(p, strings.TrimSpace(string(c)), line) }
	t.Log(lang, "one of five generic workers, PSS kB:", tot)
	for _, r := range rs { r.stop() }
	}
}
