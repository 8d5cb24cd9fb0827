use pagoda_plugin_sdk::prelude::*;

plugin! {
    id = "sample",
    capabilities = [http.out],
    http_hosts = [
        "https://api.example.com",
        "api.example.com/v1",
        "Api.example.com",
        "api.*.com",
        "api.example.com:0",
        "api..com",
        "api.example.com",
        "api.example.com",
    ],
}

fn main() {}
