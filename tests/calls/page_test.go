package calls

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

var pageData = regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`)

// checkPage tests the numbers on the page, and that a browser shows it.
func checkPage(t *testing.T, path string, calls int, share float64) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	found := pageData.FindSubmatch(text)
	if found == nil {
		t.Fatalf("the page holds no data:\n%.300s", text)
	}
	var d struct {
		Calls   int
		Heat    []struct{ Cells [][3]int }
		Slowest []struct{ Name string }
		Slow    []struct{ Root struct{ Calls []any } }
	}
	if err := json.Unmarshal(found[1], &d); err != nil {
		t.Fatal(err)
	}
	cells := 0
	for _, c := range d.Heat[0].Cells {
		cells += c[2]
	}
	if float64(d.Calls) < share*float64(calls) || cells != d.Calls || len(d.Slowest) == 0 || d.Slowest[0].Name != "Front.Order" || len(d.Slow[0].Root.Calls) < 2 {
		t.Errorf("%d calls, %d in the heat map, slowest %v", d.Calls, cells, d.Slowest)
	}
	browser := installed(t, "chromium")
	if browser == "" {
		return
	}
	out, err := exec.Command(browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--user-data-dir="+t.TempDir(), "--dump-dom", "file://"+path).Output()
	if err != nil {
		t.Fatalf("chromium: %v", err)
	}
	dom := string(out)
	for _, want := range []string{"<rect", "<summary>", "Front.Order", `class="bar"`, `class="in"`, "Slowest calls"} {
		if !strings.Contains(dom, want) {
			t.Errorf("the browser shows no %s", want)
		}
	}
}

// checkChrome tests that the trace events are of all sides.
func checkChrome(t *testing.T, path string, calls int, share float64) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []struct {
		Phase string `json:"ph"`
		Cat   string
	}
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for _, e := range list {
		n[e.Phase+e.Cat]++
	}
	if least := int(share * float64(calls)); n["Xclient"] < least || n["Xserver"] < least || n["M"] != 4 {
		t.Errorf("events %v of %d calls", n, calls)
	}
}
