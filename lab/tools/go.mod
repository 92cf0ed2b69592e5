module podroute.dev/lab/tools

go 1.25.0
