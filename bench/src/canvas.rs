//! People who draw: two thousand sockets in a hundred rooms of one server. In each room somebody moves a node once a
//! second, and all twenty are told.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use futures::{SinkExt, StreamExt, future::try_join_all};
use kernel::{
    Clock,
    db::{Cluster, Platform},
    tenant::{self, NewTenant},
};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    sync::{Barrier, Semaphore},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::{
    Outcome,
    load::quantile,
    options::Options,
    report,
    stand::{DATABASE, Server, Stand},
};

const TENANTS: usize = 10;
const ROOMS_OF_TENANT: usize = 10;
const MEMBERS: usize = 20;

type Socket = WebSocketStream<TcpStream>;

/// Sockets that come at once: who draws does not come with two thousand others in one instant.
const COMING: usize = 64;

/// When it begins: a second after the last one has come.
struct Start {
    coming: Semaphore,
    all_here: Barrier,
    at: OnceLock<Instant>,
}

impl Start {
    async fn once_all_are_here(&self) -> Instant {
        self.all_here.wait().await;
        *self.at.get_or_init(|| Instant::now() + Duration::from_secs(1))
    }
}

/// Measures it and prints the figure.
///
/// # Errors
/// The server or its database did not go along.
pub async fn measure(options: &Options, stand: &Stand) -> Outcome<()> {
    let server = stand.serve().await?;
    let mut rooms = vec![];
    for n in 0..TENANTS {
        let (keys, agents) = organization(stand, n).await?;
        rooms.extend(agents.into_iter().map(|agent| (agent, keys.clone())));
    }
    let seconds = options.run_seconds() * 2;
    let coming = Semaphore::new(COMING);
    let start =
        Start { coming, all_here: Barrier::new(rooms.len() * MEMBERS), at: OnceLock::new() };
    let drawing = rooms.iter().enumerate().map(|(n, room)| draw(&server, n, room, &start, seconds));
    let told = try_join_all(drawing).await?;
    let memory = server.resident_mib()?;
    let mut times = told.concat();
    times.sort_unstable();
    let expected = TENANTS * ROOMS_OF_TENANT * MEMBERS * usize::try_from(seconds)?;
    if times.len() != expected {
        return Err(format!("{} of {expected} were told", times.len()).into());
    }
    let title = format!("canvas, 2,000 sockets, p99, p50 {:.1}", quantile(&times, 50));
    report::figure(&title, quantile(&times, 99), "ms", 100.0);
    report::figure("memory with 2,000 sockets", memory, "MiB", 256.0);
    Ok(())
}

/// An organization with its agents' first nodes; as many keys as members, and the agents.
async fn organization(stand: &Stand, n: usize) -> Outcome<(Vec<String>, Vec<String>)> {
    let (clock, registry) = (Clock::default(), reeve::registry()?);
    let config = Cluster::config(&stand.folder, "reeve_admin", DATABASE);
    let mut platform = Platform::connect(&config, clock.new_id()).await?;
    let new =
        NewTenant { name: format!("drawing {n}"), realm: "studio".into(), ..NewTenant::default() };
    let tenant = tenant::create(&mut platform, &clock, &registry, new).await?.id.to_string();
    let mut keys = vec![];
    for member in 0..MEMBERS {
        let name = format!("member {member}");
        let made = tenant::create_key(&mut platform, &clock, &tenant, &name, "developer").await?;
        keys.push(made.1.as_str().to_owned());
    }
    let agents: Vec<String> = (0..ROOMS_OF_TENANT).map(|_| clock.new_id().to_string()).collect();
    let mut script = "set session_replication_role = replica;".to_owned();
    for agent in &agents {
        script += &format!(
            "insert into studio.agent (tenant_id, id, name) values ('{tenant}', '{agent}', 'a');
             insert into studio.canvas (tenant_id, agent_id) values ('{tenant}', '{agent}');
             insert into studio.canvas_element (tenant_id, agent_id, kind, element_id, value, seq)
             values ('{tenant}', '{agent}', 'node', 'n', '{{\"id\": \"n\", \"data\": {{}}}}', 0);"
        );
    }
    stand.admin().await?.batch_execute(&script).await?;
    Ok((keys, agents))
}

async fn join(server: &Server, agent: &str, key: &str) -> Outcome<Socket> {
    let address = format!("ws://{}/ws/canvas/{agent}", server.address);
    let mut request = address.into_client_request()?;
    request.headers_mut().insert("x-api-key", key.parse()?);
    let stream = TcpStream::connect(server.address).await?;
    stream.set_nodelay(true)?;
    let (mut socket, _) = client_async(request, stream).await?;
    // The canvas as it is.
    socket.next().await.ok_or("no snapshot")??;
    Ok(socket)
}

/// One room: its first member moves a node each second; how long each member waited for it, in microseconds.
async fn draw(
    server: &Server,
    n: usize,
    (agent, keys): &(String, Vec<String>),
    start: &Start,
    seconds: u64,
) -> Outcome<Vec<u32>> {
    let members = keys.iter().enumerate().map(async |(place, key)| {
        let comes = start.coming.acquire().await?;
        let socket = join(server, agent, key).await?;
        drop(comes);
        // The rooms do not all move at the same instant.
        let begun = start.once_all_are_here().await + Duration::from_millis(10 * n as u64);
        member(socket, place == 0, begun, seconds).await
    });
    Ok(try_join_all(members).await?.concat())
}

async fn member(socket: Socket, moves: bool, begun: Instant, seconds: u64) -> Outcome<Vec<u32>> {
    let (mut sink, mut stream) = socket.split();
    let send = async {
        for second in 0..if moves { seconds } else { 0 } {
            let due = begun + Duration::from_secs(second);
            tokio::time::sleep_until(due.into()).await;
            let id = Clock::default().new_id();
            let operation =
                json!({"type": "node.move", "id": "n", "position": {"x": second, "y": 0}});
            let frame = json!({"type": "operation", "id": id, "operation": operation});
            sink.send(Message::text(frame.to_string())).await?;
        }
        Outcome::Ok(())
    };
    let hear = async {
        let mut times = vec![];
        while times.len() < usize::try_from(seconds)? {
            let message = timeout(Duration::from_secs(60), stream.next()).await?;
            let message = message.ok_or("a socket ended")??;
            let Message::Text(text) = message else { continue };
            let frame: Value = serde_json::from_str(&text)?;
            if let Some(second) = frame.pointer("/operation/position/x").and_then(Value::as_u64) {
                let due = begun + Duration::from_secs(second);
                times.push(u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX));
            }
        }
        Outcome::Ok(times)
    };
    let (sent, times) = tokio::join!(send, hear);
    sent?;
    times
}
