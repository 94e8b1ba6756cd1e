go test fuzz v1
[]byte("[Event \"Live Chess\"]\n[Site \"Chess.com\"]\n[Date \"2022.01.02\"]\n[Result \"0-1\"]\n[CurrentPosition \"8/8/8/8/8/8/8/8 w - -\"]\n[Timezone \"UTC\"]\n[ECOUrl \"https://example.org/openings/a\"]\n[EndTime \"1:02:03 PST\"]\n[Termination \"b won by resignation\"]\n\n1. e4 {[%clk 0:09:58.1]} 1... e5 {[%clk 0:09:59.9]} 2. f4 {[%clk 0:09:50]} 0-1\n")
uint64(9)
