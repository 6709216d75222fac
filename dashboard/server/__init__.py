"""Server routes beside Streamlit: sign-in, pictures, and what the recorder sends."""
