# consul-template, with rollcall for the agent. It waits for changes by blocking queries, and asks for nothing else.

consul {
  address = "127.0.0.1:8500"
}

# Changes that come together are written together.
wait {
  min = "100ms"
  max = "1s"
}

template {
  source      = "upstream.conf.ctmpl"
  destination = "upstream.conf"
  # What is told of a new file, such as:
  # exec { command = ["nginx", "-s", "reload"] }
}
