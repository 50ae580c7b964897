server {
    listen 80;
    listen [::]:80;
    server_name api.example.com;
    return 301 https://$host$request_uri;
}

server {
    listen 443 ssl;
    listen [::]:443 ssl;
    server_name api.example.com;

    ssl_certificate /etc/ssl/sites/example.com.pem;
    ssl_certificate_key /etc/ssl/sites/example.com.key;
    include snippets/tls.conf;

    root /var/www/api.example.com;
    index index.html;

    location / {
        try_files $uri $uri/ =404;
    }
}
